"""Asking as somebody in the console, two generations beside each other, and why an answer was what it was."""

import re

import pytest
from tests.integration.console.browsing import check_axe, check_narrow, picture

pytestmark = pytest.mark.long


def looked_at(page, name):
    """Look at a page whose parts have all come."""
    page.locator(".reading").first.wait_for(state="detached")
    check_axe(page)
    check_narrow(page)
    picture(page, name)


def ranked(page) -> list[str]:
    return page.locator("table.ranked tbody tr td:nth-child(2) .mono").all_text_contents()


def shown(answer) -> list[str]:
    return [item["item_id"] for item in answer.json["items"]]


def test_what_this_host_answers_is_shown_with_titles_scores_and_rules(browse, shop):
    page = browse.open("/console/t/demo/try", to=shop)
    answer = shop.served.recommend(surface="home", k=10)
    assert ranked(page) == shown(answer)
    first = page.locator("table.ranked tbody tr").first
    assert "popularity" in first.text_content()
    assert page.get_by_role("link", name="rule garden").first.get_attribute("href").endswith("/documents#rule-garden")
    assert page.locator("dd .tag").first.text_content() == "live"
    looked_at(page, "try")


def test_a_user_is_asked_for_by_their_pseudonym_and_the_raw_id_is_in_no_address(browse, shop):
    page = browse.open("/console/t/demo/try", to=shop)
    addresses = []
    page.on("request", lambda request: addresses.append(request.url))
    page.get_by_label("User id").fill("u1")
    page.get_by_label("How many").fill("5")
    page.get_by_role("button", name="Show what they get").click()
    page.get_by_text(re.compile("somebody, .* of history .from the profile.")).wait_for()
    assert re.search(r"who=[0-9a-f]{32}", page.url)
    assert not any("user=" in address for address in addresses)
    assert not page.get_by_label("User id").input_value()
    assert len(ranked(page)) == 5
    somebodys = ranked(page)
    page.get_by_label("Keep asking as").uncheck()
    page.get_by_role("button", name="Show what they get").click()
    page.get_by_text("nobody known").first.wait_for()
    assert "who=" not in page.url
    assert ranked(page) != somebodys


def test_a_history_of_its_own_is_used_and_the_view_can_be_sent_to_a_colleague(browse, shop):
    page = browse.open("/console/t/demo/try", to=shop, role="operator")
    page.get_by_text("What they looked at, and what the page is about").click()
    item = ranked(page)[3]
    page.get_by_label("Items they looked at").fill(f"{item}, {item}")
    page.get_by_role("button", name="Show what they get").click()
    page.get_by_text("1 event of history (from the request)").wait_for()
    colleague = browse.open(page.url.removeprefix(shop.url), to=shop, role="viewer")
    assert ranked(colleague) == ranked(page)


def test_two_generations_stand_beside_each_other_and_what_makes_the_difference_is_said(browse, shop):
    page = browse.open("/console/t/demo/try?surface=home&k=8&at=4&against=3", to=shop, role="operator")
    page.get_by_text("Rules alone make the difference").wait_for()
    assert page.locator("table.beside .tag").first.text_content() == "▼ down 4"
    assert "rule removed: garden" in page.locator("main").text_content()
    looked_at(page, "try-beside")


def test_a_generation_that_is_not_there_is_said_in_the_page(browse, shop):
    browse.allow("404")
    page = browse.open("/console/t/demo/try?at=99", to=shop)
    page.get_by_text("tenant demo has no generation 99").wait_for()


def test_an_answer_is_explained_replayed_and_traced_to_who_shipped_it(browse, shop):
    answer = shop.served.recommend(surface="home", k=5, user={"user_id": "u3"})
    page = browse.open("/console/t/demo/try/why", to=shop)
    page.get_by_label("Request id").fill(answer.json["meta"]["request_id"])
    page.get_by_label("Why not this item").fill("nothing-like-it")
    page.get_by_role("button", name="Explain it").click()
    page.get_by_text("Replayed, and identical.").wait_for()
    assert ranked(page) == shown(answer)
    assert "this release knows no such item" in page.locator("main").text_content()
    assert page.get_by_role("link", name="generation 3").first.get_attribute("href").endswith("/releases/3")
    looked_at(page, "why")


def test_an_answer_that_nobody_recorded_is_said_to_be_none(browse, shop):
    browse.allow("404")
    page = browse.open("/console/t/demo/try/why?answer=01a22a1f-c0f0-7241-bf13-0e90c087be04", to=shop)
    page.locator(".note.bad").wait_for()


def test_nothing_that_is_tried_is_recorded(browse, shop):
    spool = shop.past.host_path / "spool"
    before = sum(path.stat().st_size for path in spool.rglob("*exposures*/*/*.jsonl"))
    browse.open("/console/t/demo/try?surface=home&k=7", to=shop)
    assert sum(path.stat().st_size for path in spool.rglob("*exposures*/*/*.jsonl")) == before
