"""From a page without recommendations to the lever, in a browser."""

import re

import pytest
from tests.integration.console.browsing import check_axe, check_narrow, expect, picture, tab_to

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def broken(shop):
    return shop.broken_guest()


def test_the_doctor_shows_cause_proof_lever_and_command(browse, broken):
    page = browse.open(f"/console/t/{broken.tenant}/incident", to=broken, role="operator")
    check_axe(page)
    check_narrow(page)
    picture(page, "incident")
    page.get_by_role("button", name="Walk the whole checklist").click()
    found = page.locator("#found")
    expect(page.get_by_role("heading", name="1 cause found")).to_be_focused()
    expect(found).to_contain_text(
        "rule recall, in force since generation 3, blocks 30 items and leaves nothing to show"
    )
    expect(found).to_contain_text("rules put back, 100% of 25 requests that came back empty get items")
    expect(found).to_contain_text(f"recsys rules disable recall --tenant {broken.tenant}")
    expect(found).to_contain_text("docs/runbooks/empty-recommendations.md")
    expect(found).to_contain_text("200 are needed there and before to compare click rates")
    way_back = page.get_by_role("link", name="Or roll back all rules").get_attribute("href")
    assert way_back == f"/console/t/{broken.tenant}/rollback?lever=rules&symptom=empty-recs"
    page.get_by_text("Evidence, and what it is not").click()
    expect(page.get_by_role("row", name=re.compile(r"^Empty rate \d"))).to_contain_text("100.0%")
    check_axe(page)
    check_narrow(page)
    picture(page, "incident-found")


def test_a_viewer_sees_all_and_is_told_who_has_to_pull(browse, broken):
    page = browse.open(f"/console/t/{broken.tenant}/incident?symptom=empty-recs", to=broken)
    expect(page.locator("#found")).to_contain_text("You may look. To pull a lever an operator has to sign in")
    page.get_by_role("link", name="See what switching it off would do").click()
    expect(page.locator(".preview")).to_contain_text("Empty answers: 20 before, 0 after")
    expect(page.get_by_text("An operator has to sign in")).to_be_visible()
    assert page.get_by_role("button", name="Switch").count() == 0
    browse.allow("403")
    form = {"rule": "recall", "on": "false", "reason": "anyway"}
    answer = page.request.post(page.url.partition("?")[0], form=form)
    assert answer.status == 403
    assert broken.releases.current().generation == 3


def test_nothing_found_says_what_to_try(browse, shop):
    page = browse.open("/console/t/demo/incident?symptom=stale", to=shop)
    expect(page.get_by_role("heading", name="Nothing found")).to_be_focused()
    expect(page.get_by_role("link", name="Walk the whole checklist")).to_be_visible()
    check_axe(page)
    check_narrow(page)
    picture(page, "incident-nothing")
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("heading", name="Nothing found")).to_be_focused()


def test_from_health_to_the_lever_and_back_to_items_without_a_mouse(browse, shop):
    guest = shop.broken_guest()
    page = browse.open(f"/console/t/{guest.tenant}/health", to=guest, role="operator")
    tab_to(page, "Find the cause")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Incident")
    tab_to(page, "Walk the whole checklist")
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_be_focused()
    tab_to(page, "Switch off this rule")
    page.keyboard.press("Enter")
    expect(page.locator(".preview")).to_contain_text("Empty answers: 20 before, 0 after")
    check_axe(page)
    check_narrow(page)
    picture(page, "switch-off")
    tab_to(page, "reason")
    page.keyboard.type("nobody gets anything")
    page.keyboard.press("Enter")
    expect(page.locator("#served")).to_contain_text("Every live host serves it")
    expect(page.locator("#proof")).to_contain_text("Verified")
    assert guest.recommend()[0].json["items"]
    release = guest.releases.current()
    assert (release.generation, release.reason) == (4, "nobody gets anything")
