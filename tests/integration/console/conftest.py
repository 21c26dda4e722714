"""One shop, one service and one browser for all tests of the console: they take seconds to start."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.console.browsing import Browsing, chromium_path, in_use, launched
from tests.integration.console.shops import Console, console

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests with one worker."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("console"))


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    """A browser; skips where there is none."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("no playwright here: pip install playwright (its browsers are not needed)")
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium here: install chromium, or say where one is with RECSYS_TEST_CHROMIUM")
    with launched(path) as browser:
        yield browser


@pytest.fixture(scope="session")
def shop(chromium: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """The shop that the console shows: see :class:`~tests.integration.console.shops.Console`. Look, do not change."""
    with console(tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture(scope="session")
def _signed_in() -> dict[Any, Any]:
    return {}


@pytest.fixture
def browse(chromium: "Browser", shop: Console, _signed_in: dict[Any, Any]) -> Iterator[Browsing]:
    """The browser on the operators' port; the test fails when something went wrong on a page of it."""
    with in_use(chromium):
        browsing = Browsing(chromium, shop.url, _signed_in)
        try:
            yield browsing
        finally:
            browsing.close()
        assert browsing.faults == []
