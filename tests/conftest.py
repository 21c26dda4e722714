"""What holds for every test."""

import os

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing about the code. Every push tries other examples:
# seeds differ, so a few each time come to many.
settings.register_profile("suite", deadline=None, max_examples=40)
settings.load_profile("suite")


def pytest_collection_modifyitems(items):
    """Leave the benchmarks' own runs, small as they are, to who asks for them."""
    if "RECSYS_TEST_BENCH" not in os.environ:
        for item in items:
            if item.get_closest_marker("bench"):
                item.add_marker(pytest.mark.skip(reason="benchmarks run small by: make test-bench"))
