"""What the tests of the console stand on: that they see what goes wrong in a browser."""

import asyncio
import re
from contextlib import contextmanager

import pytest
from tests.integration.console.browsing import check_axe, check_narrow, expect, picture


@contextmanager
def noticed(browse, pattern):
    yield
    assert any(re.search(pattern, fault) for fault in browse.faults), browse.faults
    browse.faults.clear()


@pytest.mark.long
def test_the_door_looks_well(browse):
    page = browse.open("/console")
    check_axe(page)
    check_narrow(page)
    picture(page, "sign-in")


def test_what_goes_wrong_on_a_page_is_kept(browse, shop):
    page = browse.open("/console")
    with noticed(browse, "console: a complaint"):
        page.evaluate("console.error('a complaint')")
    with noticed(browse, "error: it broke"), page.expect_event("pageerror"):
        page.evaluate("void setTimeout(() => { throw new Error('it broke') })")
    with noticed(browse, r"console: .*404.*/nowhere"), page.expect_event("console"):
        page.evaluate("void fetch('/nowhere')")
    with noticed(browse, "console: .*Content Security Policy"), page.expect_event("console"):
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')")
    browse.allow("favicon.ico")  # only pages of the console have an icon
    elsewhere = shop.served.process.base_url + "/healthz"
    with noticed(browse, f"left the origin: {elsewhere}"):
        page.goto(elsewhere)


@pytest.mark.long
def test_axe_says_what_is_wrong_and_where(browse):
    page = browse.open("/console")
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name") as told:
        check_axe(page)
    assert "Buttons must have discernible text" in str(told.value)


def test_a_page_too_wide_for_a_telephone_is_named(browse):
    page = browse.open("/console")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<hr width=700>')")
    with pytest.raises(AssertionError, match="wider than 400 px"):
        check_narrow(page)


def test_other_tests_find_no_event_loop_running(chromium):
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    assert asyncio.run(asyncio.sleep(0, "theirs")) == "theirs"
    assert chromium.is_connected()


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_who_may_look_is_signed_in_with_a_key_of_theirs(browse, shop, role):
    page = browse.open("/console/t/demo/releases", to=shop, role=role)
    assert page.locator("summary .tag").text_content() == role


@pytest.mark.long
def test_a_guest_is_served_beside_the_shop(shop, browse):
    guest = shop.guest()
    (answer,) = guest.recommend()
    assert answer.marks == {"a"}
    assert shop.past.tenant.releases.current().generation == 4
    page = browse.open(f"/console/t/{guest.tenant}/releases", to=guest)
    assert page.locator("summary .tenant").text_content() == guest.tenant


def test_the_menu_closes_when_one_goes_on_elsewhere(browse, shop):
    page = browse.open("/console/t/demo/releases", to=shop)
    menu, summary = page.locator("details.who"), page.locator("details.who summary")

    def open_menu():
        summary.click()
        expect(menu).to_have_attribute("open", "")

    open_menu()
    page.get_by_role("heading", level=1).click()
    expect(menu).not_to_have_attribute("open", "")
    open_menu()
    page.get_by_role("button", name="Light or dark").click()  # what is in it keeps it open
    expect(menu).to_have_attribute("open", "")
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Tab")
    expect(menu).not_to_have_attribute("open", "")
    open_menu()
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()


@pytest.mark.long
def test_one_signs_out_of_one_tenant_in_the_menu_and_at_the_door(browse, shop):
    guest = shop.guest()
    page = browse.open("/console")
    browse.sign_in(page, guest.keys["viewer"])
    page.locator("details.who summary").wait_for()
    browse.sign_in(page, shop.keys["operator"])
    page.locator("details.who summary").click()
    check_axe(page)
    picture(page, "menu")
    page.get_by_role("button", name=f"Sign out of {guest.tenant}").click()
    expect(page.get_by_role("button", name="Sign out of demo")).to_be_visible()
    expect(page.get_by_role("button", name=f"Sign out of {guest.tenant}")).to_have_count(0)
    check_axe(page)
    check_narrow(page)
    picture(page, "sign-in-again")
    page.get_by_role("button", name="Sign out of demo").click()
    expect(page.get_by_role("button", name="Sign out of demo")).to_have_count(0)
