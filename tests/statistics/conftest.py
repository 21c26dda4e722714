"""Oracles and long simulations: run where somebody asks for them, for they need libraries and minutes of their own."""

import os
from pathlib import Path

import pytest

ASKED = "RECSYS_TEST_STATISTICS" in os.environ


def pytest_collection_modifyitems(items):
    mark = pytest.mark.skip(reason="needs statsmodels, tea-tasting and minutes: make statistics")
    if ASKED:
        mark = pytest.mark.timeout(1200)
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(mark)


@pytest.fixture
def keep():
    """Keep a line for the page, where ``RECSYS_STATISTICS_REPORT`` names a folder; many processes do so at once."""
    from tests.statistics import page

    folder = os.environ.get("RECSYS_STATISTICS_REPORT")
    return lambda table, name, line: page.keep(Path(folder), table, name, line) if folder else None
