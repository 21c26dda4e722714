"""Rules and config in the console: shown, checked with the place of a mistake, previewed, saved once, and refused to
who may not or comes too late.
"""

import json

import pytest
from tests.integration.console.browsing import check_axe, check_narrow, picture

from recsys.encoding import canonical

pytestmark = pytest.mark.long


def looked_at(page, name):
    """Look at a page whose parts have all come."""
    for part in page.locator(".reading").all():
        part.wait_for(state="detached")
    check_axe(page)
    check_narrow(page)
    picture(page, name)


def rules(*item_ids: str) -> str:
    return json.dumps([{"id": "recall", "action": "block", "item_ids": item_ids}], indent=2)


def edited(browse, guest, text, *, kind="rules"):
    """Open the editor as an operator, and check a text in it."""
    page = browse.open(f"/console/t/{guest.tenant}/documents/edit/{kind}", to=guest, role="operator")
    page.get_by_label("The document, as JSON").fill(text)
    page.get_by_role("button", name="Check and preview").click()
    page.locator("#found").wait_for()
    return page


def save(page, reason):
    page.get_by_label("Why").fill(reason)
    page.get_by_role("button", name="Save as a release").click()


def test_rules_are_shown_with_what_they_match_and_whether_they_are_in_force(browse, shop):
    page = browse.open("/console/t/demo/documents", to=shop)
    row = page.locator("#rule-garden").text_content()
    assert "in force" in row
    assert "Raises the score by 20%" in row
    assert "10 items" in row
    assert page.get_by_role("link", name="generation 4").count() == 1
    assert page.get_by_role("link", name="Edit the rules").count() == 0  # a viewer looks
    assert page.get_by_role("link", name="Switch off garden").count() == 0
    page.get_by_label("Find rules").fill("nothing like it")
    page.get_by_role("button", name="Find").click()
    page.get_by_text("0 hold “nothing like it”").wait_for()
    page.get_by_role("link", name="show all").click()
    looked_at(page, "rules")


def test_a_config_is_shown_key_by_key_for_every_surface_and_for_each(browse, shop):
    guest = shop.guest()
    guest.releases.put_config(canonical({"weights": {"cooc": 1.0}, "surfaces": {"home": {"limits": {"max_k": 9}}}}))
    page = browse.open(f"/console/t/{guest.tenant}/documents/config", to=guest, role="operator")
    assert page.locator("tbody tr").all_text_contents() == ["every surfaceweights.cooc1.0", "homelimits.max_k9"]
    looked_at(page, "config")


def test_who_may_only_look_is_not_let_in_to_edit(browse, shop):
    browse.allow("403")
    page = browse.open("/console/t/demo/documents/edit/rules", to=shop)
    assert page.get_by_role("heading", level=1).text_content() == "This page cannot be shown"


def test_a_rule_goes_from_a_mistake_over_its_preview_to_a_release(browse, shop):
    guest = shop.guest()
    guest.recommend(3, surface="home", k=5)
    page = edited(browse, guest, rules("a-029").replace("block", "blok"))
    page.get_by_text("Line 4, [0].action").wait_for()
    assert "Did you mean `block`?" in page.locator("#found").text_content()
    page.get_by_role("button", name="Go to line 4").click()
    chosen = page.evaluate(
        "text => text.value.slice(text.selectionStart, text.selectionEnd)", page.query_selector("#text")
    )
    assert "blok" in chosen
    looked_at(page, "edit-mistake")
    top = guest.recommend(surface="home", k=5)[0].json["items"][0]["item_id"]
    page.get_by_label("The document, as JSON").fill(rules(top))
    page.get_by_role("button", name="Check and preview").click()
    page.get_by_text("It is valid: this is what it would do").wait_for()
    assert "rule added: recall" in page.locator("#found").text_content()
    assert "blocked by recall" in page.locator("#found").text_content()
    looked_at(page, "edit-preview")
    generation = guest.releases.current().generation
    save(page, "recalled by the maker")
    page.get_by_text("It is committed.").wait_for()
    made = guest.releases.current()
    assert (made.generation, made.action, made.reason) == (generation + 1, "rules", "recalled by the maker")
    assert page.get_by_role("link", name="undo it").count() == 1
    guest.served_from(made.generation)
    assert top not in [item["item_id"] for item in guest.recommend(surface="home", k=5)[0].json["items"]]


def test_a_text_that_changes_after_its_check_is_checked_again_before_it_is_saved(browse, shop):
    guest = shop.guest()
    page = edited(browse, guest, rules("a-001"))
    before = guest.releases.current().generation
    page.get_by_label("The document, as JSON").fill(rules("a-002"))
    save(page, "another one")
    page.get_by_text("You changed it after it was checked").wait_for()
    assert guest.releases.current().generation == before
    save(page, "another one")
    page.get_by_text("It is committed.").wait_for()
    head = guest.releases.current()
    assert json.loads(guest.releases.store.blobs.read(guest.tenant, head.rules))[0]["item_ids"] == ["a-002"]


def test_a_form_that_is_sent_twice_makes_one_release(browse, shop):
    guest = shop.guest()
    page = edited(browse, guest, rules("a-001"))
    page.get_by_label("Why").fill("once")
    form = page.evaluate(
        """() => { const form = document.querySelector('main form'); const sent = new FormData(form);
        sent.set('act', 'save'); return [form.action, new URLSearchParams(sent).toString()] }"""
    )
    answers = [
        page.request.post(
            form[0], data=form[1], headers={"content-type": "application/x-www-form-urlencoded"}, max_redirects=0
        )
        for _ in range(2)
    ]
    assert {answer.status for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert sum(release.reason == "once" for release in guest.releases.list().releases) == 1


def test_who_comes_too_late_sees_what_changed_and_decides(browse, shop):
    guest = shop.guest()
    page = edited(browse, guest, rules("a-001"))
    guest.releases.put_rules(rules("a-005").encode(), reason="faster")
    browse.allow("409")
    save(page, "too late")
    page.get_by_text("The rules were changed while you were at it").wait_for()
    assert "rule added: recall" in page.locator("#found").text_content()
    assert "faster" in page.locator("#found").text_content()
    looked_at(page, "edit-stale")
    page.get_by_role("button", name="Keep my text").click()
    page.get_by_text("It is valid: this is what it would do").wait_for()
    assert "recall" in page.locator(".changes").first.text_content()
    save(page, "mine all the same")
    page.get_by_text("It is committed.").wait_for()


def test_a_hold_refuses_and_says_whose_it_is_while_the_preview_is_still_shown(browse, shop):
    guest = shop.guest()
    guest.releases.hold(levers=["rules"], reason="inventory night")
    page = edited(browse, guest, rules("a-001"))
    found = page.locator("#found").text_content()
    assert "inventory night" in found
    assert "rule added: recall" in found
    assert page.get_by_role("button", name="Save as a release").count() == 0
    looked_at(page, "edit-held")
    page = browse.open(f"/console/t/{guest.tenant}/documents", to=guest, role="operator")
    looked_at(page, "rules-held")


def test_nothing_new_is_said_to_be_nothing(browse, shop):
    guest = shop.guest()
    page = edited(browse, guest, "{}", kind="config")
    page.get_by_text("Nothing would change").wait_for()


def test_a_single_rule_is_switched_off_with_a_preview_under_a_hold_too(browse, shop):
    guest = shop.guest()
    generation = guest.block_everything()
    guest.releases.hold(reason="incident")
    guest.recommend(3, surface="home", k=5)
    page = browse.open(f"/console/t/{guest.tenant}/documents", to=guest, role="operator")
    page.get_by_role("link", name="Switch off recall").click()
    page.get_by_text("Empty answers:").wait_for()
    looked_at(page, "switch")
    page.get_by_label("Why").fill("it empties home")
    page.get_by_role("button", name="Switch it off").click()
    page.get_by_text("It is committed.").wait_for()
    assert guest.releases.current().generation == generation + 2
    page = browse.open(f"/console/t/{guest.tenant}/documents", to=guest, role="operator")
    assert "off" in page.locator("#rule-recall .state").text_content()


def test_without_a_reason_nothing_is_saved(browse, shop):
    guest = shop.guest()
    page = edited(browse, guest, rules("a-001"))
    before = guest.releases.current().generation
    page.get_by_role("button", name="Save as a release").click()  # the browser asks for it
    page.evaluate("document.querySelector('#reason').required = false")
    browse.allow("422")
    page.get_by_role("button", name="Save as a release").click()
    page.get_by_text("Say why.").wait_for()
    assert guest.releases.current().generation == before


@pytest.mark.parametrize("key", ["Tab", "Enter"])
def test_the_keyboard_is_not_trapped_in_the_text_and_enter_never_saves(browse, shop, key):
    guest = shop.guest()
    page = edited(browse, guest, rules("a-001"))
    before = guest.releases.current().generation
    if key == "Tab":
        page.get_by_label("The document, as JSON").focus()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.value") == "check"
    else:
        page.get_by_label("Why").fill("in a hurry")
        page.get_by_label("Why").press("Enter")
        page.locator("#found").wait_for()
    assert guest.releases.current().generation == before


def test_what_is_not_of_this_session_changes_nothing(browse, shop):
    guest = shop.guest()
    page = edited(browse, guest, rules("a-001"))
    page.evaluate("document.querySelector('main [name=form_token]').value = 'theirs'")
    browse.allow("403")
    save(page, "from elsewhere")
    page.get_by_text("this form is not of your session").wait_for()
    assert json.loads(page.get_by_label("The document, as you wrote it").input_value()) == json.loads(rules("a-001"))
    looked_at(page, "edit-left-to-copy")
