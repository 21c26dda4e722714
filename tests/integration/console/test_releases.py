"""The release log in the console: looked at, compared, rolled back, undone, held."""

import re

import pytest
from tests.integration.console.browsing import check_axe, check_narrow, expect, picture


@pytest.mark.long
def test_the_timeline_says_who_did_what_and_why(browse, shop):
    page = browse.open("/console/t/demo/releases", to=shop)
    entries = page.locator(".timeline li")
    expect(entries).to_have_count(4)
    expect(entries.nth(0)).to_contain_text("Changed the rules")
    expect(entries.nth(0)).to_contain_text("spring")
    expect(entries.nth(0)).to_contain_text("in force")
    expect(entries.nth(1)).to_contain_text("Shipped artifacts of home")
    expect(entries.nth(3)).to_contain_text("The tenant was made")
    check_axe(page)
    check_narrow(page)
    picture(page, "releases")


@pytest.mark.long
def test_two_generations_are_compared_in_words_and_by_lists_with_titles(browse, shop):
    page = browse.open("/console/t/demo/compare?a=3&b=4", to=shop, role="operator")
    expect(page.get_by_text("rule added: garden")).to_be_visible()
    expect(page.locator(".preview")).to_contain_text("requests")
    check_axe(page)
    check_narrow(page)
    picture(page, "compare")


def test_rolling_back_shows_what_it_does_asks_for_the_name_and_is_followed_to_every_host(browse, shop):
    guest = shop.guest()
    bad = guest.block_everything()
    assert not guest.recommend(12)[-1].json["items"]
    page = browse.open(f"/console/t/{guest.tenant}/releases", to=guest, role="operator")
    page.get_by_role("row", name="rules").get_by_role("link").last.click()
    expect(page.get_by_text("rule removed: recall")).to_be_visible()
    expect(page.locator(".preview")).to_contain_text("Empty answers")
    check_axe(page)
    check_narrow(page)
    picture(page, "rollback")
    page.get_by_label("Why").fill("nobody gets anything")
    page.get_by_label("to confirm").fill("home")
    browse.allow("422")
    page.get_by_role("button", name="Roll back rules").click()
    expect(page.get_by_role("alert")).to_contain_text(f"type {guest.tenant} to confirm, not home")
    expect(page.get_by_label("Why")).to_have_value("nobody gets anything")
    page.get_by_label("to confirm").fill(guest.tenant)
    page.get_by_role("button", name="Roll back rules").click()
    expect(page.locator("#served")).to_contain_text("Every live host serves it")
    expect(page.locator("#proof")).to_contain_text("Verified")
    check_axe(page)
    check_narrow(page)
    picture(page, "rolled-back")
    assert guest.recommend()[0].json["items"]
    release = guest.releases.current()
    assert (release.generation, release.action, release.reason) == (bad + 1, "rollback", "nobody gets anything")
    page.get_by_role("link", name="undo it").click()
    page.get_by_label("Why").fill("it was a recall after all")
    page.get_by_role("button", name="Undo generation").click()
    expect(page.locator("#served")).to_contain_text("Every live host serves it")
    assert guest.releases.current().rules == guest.releases.read(bad).rules


@pytest.mark.long
def test_who_comes_second_is_shown_what_is_in_force_already(browse, shop):
    guest = shop.guest()
    guest.block_everything()
    guest.releases.rollback("rules", reason="somebody was faster")
    page = browse.open(f"/console/t/{guest.tenant}/rollback?lever=rules", to=guest, role="operator")
    expect(page.get_by_role("alert")).to_contain_text("somebody was faster")
    expect(page.get_by_role("link", name="Undo that rollback")).to_be_visible()
    check_axe(page)
    assert page.get_by_role("button", name=re.compile("Roll back")).count() == 0


@pytest.mark.long
def test_artifacts_rolled_back_are_held_until_somebody_resumes(browse, shop):
    guest = shop.guest()
    guest.served_from(guest.shop.ship("b"))
    page = browse.open(f"/console/t/{guest.tenant}/rollback", to=guest, role="operator")
    page.get_by_role("button", name="Show what it would do").click()
    page.get_by_label("Why").fill("these are wrong")
    page.get_by_label("to confirm").fill("home")
    page.get_by_role("button", name="Roll back artifacts").click()
    expect(page.locator("#proof")).to_contain_text("Verified")
    page.get_by_role("link", name="resume").click()
    expect(page.locator("main")).to_contain_text("Held: artifacts of home.")
    check_axe(page)
    check_narrow(page)
    picture(page, "holds")
    page.get_by_label("Why it may go on").fill("they are mended")
    page.get_by_role("button", name="Resume artifacts of home").click()
    expect(page.locator("h1")).to_contain_text("Resumed artifacts of home")
    assert guest.releases.current().holds == ()


@pytest.mark.long
def test_a_candidate_gets_another_share_and_is_aborted(browse, shop):
    guest = shop.guest()
    manifest = guest.shop.manifest("b")
    guest.releases.candidates.start("home", share=0.1, manifest=manifest, reason="newer model")
    page = browse.open(f"/console/t/{guest.tenant}/candidates", to=guest, role="operator")
    expect(page.locator("main")).to_contain_text("Nobody guards it")
    check_axe(page)
    check_narrow(page)
    picture(page, "candidates")
    share = page.locator("form", has=page.get_by_role("button", name="Set the share"))
    share.get_by_label("Why").fill("it does well")
    share.get_by_label("% of people").fill("25")
    page.get_by_role("button", name="Set the share").click()
    expect(page.locator("h1")).to_contain_text("candidate")
    assert guest.releases.candidates.running()[0].candidate.share == 0.25
    page.goto(f"{browse.origin}/console/t/{guest.tenant}/candidates")
    ending = page.locator("form", has=page.get_by_role("button", name="Abort"))
    ending.get_by_label("Why").fill("it does not")
    ending.get_by_role("button").click()
    expect(page.locator("h1")).to_contain_text("Aborted")
    assert guest.releases.candidates.running() == ()


@pytest.mark.long
def test_a_viewer_sees_what_a_rollback_would_do_and_is_offered_none(browse, shop):
    guest = shop.guest()
    guest.block_everything()
    page = browse.open(f"/console/t/{guest.tenant}/rollback?lever=rules", to=guest, role="viewer")
    expect(page.get_by_text("rules changed")).to_be_visible()
    expect(page.locator("main")).to_contain_text("An operator has to sign in")
    assert page.locator("main form").count() == 0
    check_axe(page)
