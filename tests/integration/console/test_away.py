"""Evaluation and pipelines while the store is away: what cannot be read is said, with what still works."""

from collections.abc import Iterator

import pytest
from tests.integration.console.browsing import Browsing, check_axe, check_narrow, expect, picture
from tests.integration.console.shops import Console

pytestmark = pytest.mark.long


@pytest.fixture
def away(shop: Console) -> Iterator[Console]:
    shop.past.store_goes_away()
    try:
        yield shop
    finally:
        shop.past.store_comes_back()
        shop.guest()  # which is served: the store is followed again


@pytest.mark.parametrize("path", ["pipelines", "pipelines/home", "pipelines/home/20260101"])
def test_pipelines_say_that_the_store_is_away_and_what_goes_on(browse: Browsing, away: Console, path: str) -> None:
    page = browse.open(f"/console/t/demo/{path}", to=away)
    expect(page.locator(".note.bad")).to_contain_text("The store is away")
    expect(page.locator(".note.bad")).to_contain_text("goes on being served")
    check_axe(page)
    check_narrow(page)
    if path == "pipelines":
        picture(page, "pipelines-away")


def test_evaluation_shows_what_this_host_has_and_says_so(browse: Browsing, away: Console) -> None:
    page = browse.open("/console/t/demo/evaluation", to=away)
    notes = page.locator(".note.bad")
    expect(notes).to_have_count(2, timeout=15_000)
    expect(notes.nth(0)).to_contain_text("Reports lie there")
    expect(notes.nth(1)).to_contain_text("this host's own newest files alone")
    expect(page.locator(".card .state")).to_have_text("this host alone")
    expect(page.locator("main")).to_contain_text("outcomes find the answer they belong to")
    check_axe(page)
    check_narrow(page)
    picture(page, "evaluation-away")


def test_a_lever_that_needs_the_store_says_so_and_leads_to_what_works(browse: Browsing, away: Console) -> None:
    browse.allow("503")
    page = browse.open("/console/t/demo/rollback?lever=config", to=away, role="operator")
    expect(page.get_by_role("heading", level=1)).to_have_text("The store is away")
    expect(page.locator(".note.bad")).to_contain_text("recsys pin --tenant demo --generation N")
    check_axe(page)
    check_narrow(page)
    picture(page, "store-away")
    page.locator(".note.bad").get_by_role("link", name="Incident").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Incident")
