"""From a page without recommendations to the lever, in a browser."""

import pytest
from tests.integration.console.browsing import check_axe, check_narrow, picture


@pytest.fixture(scope="module")
def broken(shop):
    """A tenant whose answers are empty since a rule of generation 3."""
    guest = shop.guest()
    guest.recommend(60)
    guest.block_everything()
    guest.recommend(60)
    return guest


def walked(page):
    """Walk the checklist from the page of an incident, and wait for what is found."""
    page.get_by_role("button", name="Walk the whole checklist").click()
    page.locator("#result").wait_for()
    return page


def test_health_says_not_to_ship_and_where(browse, broken):
    page = browse.open(f"/console/t/{broken.tenant}/health", to=broken)
    assert page.locator("#advice").text_content() == "Do not ship."
    assert page.get_by_role("link", name="Serving of home: failing").is_visible()
    check_axe(page)
    check_narrow(page)
    picture(page, "health-failing")


def test_the_doctor_names_the_rule_and_leads_to_its_switch(browse, broken):
    page = browse.open(f"/console/t/{broken.tenant}/incident", to=broken, role="operator")
    check_axe(page)
    check_narrow(page)
    picture(page, "incident")
    walked(page)
    assert page.evaluate("document.activeElement.id") == "result"
    check_axe(page)
    check_narrow(page)
    picture(page, "incident-found")
    page.get_by_role("link", name="Switch off this rule").click()
    page.get_by_role("heading", name="Switch rule recall off").wait_for()
    page.locator(".preview").wait_for()
    check_axe(page)
    check_narrow(page)
    picture(page, "switch-off")
