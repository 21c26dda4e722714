"""Health in a browser: what a product owner and whoever is on call see at a glance."""

import re

import pytest
from tests.integration.console.browsing import check_axe, check_narrow, expect, picture


def advice(page):
    return page.locator("#advice")


def test_a_healthy_shop_is_safe_to_ship(browse, shop):
    page = browse.open("/console/t/demo/health", to=shop)
    expect(advice(page)).to_have_text("Everything is healthy: safe to ship.")
    row = page.get_by_role("row", name="home")
    for figure in ("generation 4", "rung here live", "0% empty", "0 failed here", "objective 24 h", "100% joined"):
        expect(row).to_contain_text(figure)
    check_axe(page)
    check_narrow(page)
    picture(page, "health")


@pytest.mark.long
def test_each_cell_leads_to_its_evidence(browse, shop):
    page = browse.open("/console/t/demo/health", to=shop)
    for layer, path in (
        ("Serving", "health/home"),
        ("Pipelines", "pipelines"),
        ("Evaluation", "evaluation"),
        ("Releases", "releases"),
    ):
        link = page.get_by_role("link", name=f"{layer} of home: healthy")
        assert link.get_attribute("href") == f"/console/t/demo/{path}"


@pytest.mark.long
def test_serving_is_shown_by_hosts_generations_and_hours(browse, shop):
    guest = shop.guest()
    guest.answered_before(hours=7)
    page = browse.open(f"/console/t/{guest.tenant}/health/home", to=guest)
    expect(page.get_by_role("row", name="the newest")).to_contain_text("2")
    expect(page.get_by_role("region", name="By generation")).to_contain_text("140")
    expect(page.get_by_role("region", name="By hour").locator("tbody tr")).to_have_count(7)
    chart = page.get_by_role("img", name="p99 of answers in milliseconds, by hour")
    expect(chart).to_be_visible()
    whole, lines = chart.locator("canvas").bounding_box(), chart.locator(".u-over").bounding_box()
    assert whole["x"] + whole["width"] - lines["x"] - lines["width"] >= 38  # half of the last label of the x axis
    check_axe(page)
    check_narrow(page)
    picture(page, "surface")


def test_a_hold_and_a_failing_surface_are_told_with_what_is_worst_first(browse, shop):
    guest = shop.broken_guest()
    guest.releases.hold(surface="home", reason="wait for the buyers")
    page = browse.open(f"/console/t/{guest.tenant}/health", to=guest)
    expect(advice(page)).to_have_text("Do not ship.")
    expect(page.locator(".headline")).to_contain_text("serving is failing on home: 100.0% of answers are empty")
    expect(page.get_by_role("link", name="Releases of home: degraded")).to_be_visible()
    expect(page.get_by_role("row", name="home")).to_contain_text("wait for the buyers")
    check_axe(page)
    check_narrow(page)
    picture(page, "health-failing")
    page.get_by_role("link", name="Find the cause", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Incident")


@pytest.mark.long
def test_all_tenants_of_a_session_are_on_one_page(browse, shop):
    guest = shop.guest()
    page = browse.open("/console/t/demo/health", to=shop)
    browse.sign_in(page, guest.keys["viewer"])
    expect(page.get_by_role("heading", name=guest.tenant)).to_be_visible()
    expect(page.get_by_role("heading", name="demo")).to_be_visible()
    expect(advice(page)).to_have_text("Nothing is known to be wrong, but not everything is known.")
    expect(page.locator(".headline")).to_contain_text(f"evaluation is unknown on {guest.tenant}/home")
    picture(page, "health-tenants")


@pytest.mark.long
def test_what_changes_appears_by_itself_and_is_said_once(browse, shop):
    page = browse.open("/console/t/demo/health", to=shop)
    part = page.request.get(f"{shop.url}/console/t/demo/health-now").text()
    worse = part.replace("Everything is healthy: safe to ship.", "Do not ship.")
    page.get_by_role("link", name="Releases of home").focus()
    page.route("**/health-now", lambda route: route.fulfill(body=worse, content_type="text/html"))
    page.get_by_role("link", name="Read again").evaluate("one => one.click()")
    expect(advice(page)).to_have_text("Do not ship.")
    expect(page.locator("#said")).to_have_text("Do not ship.")
    assert page.evaluate("document.activeElement.id") == "to-demo-home-releases"


@pytest.mark.long
def test_a_page_that_cannot_be_read_anew_says_so(browse, shop):
    page = browse.open("/console/t/demo/health", to=shop)
    expect(page.locator("[data-read]")).to_contain_text("Read ")
    browse.allow("Failed to load|request failed|console: ")
    page.route("**/health-now", lambda route: route.abort("connectionrefused"))
    page.get_by_role("link", name="Read again").click()
    expect(page.locator("[data-read]")).to_contain_text("the console does not answer. What you see may be over.")
    expect(page.locator("#said")).to_have_text("This page cannot be read anew.")
    expect(advice(page)).to_have_text("Everything is healthy: safe to ship.")
    check_axe(page)
    check_narrow(page)
    picture(page, "health-not-read")
    page.unroute("**/health-now")
    page.get_by_role("link", name="Read again").click()
    expect(page.locator("[data-read]")).to_contain_text("s ago.")


@pytest.mark.long
def test_a_reading_is_called_late_only_once_a_newer_one_could_be_there(browse, shop):
    page = browse.open("/console/t/demo/health", to=shop)
    part = page.request.get(f"{shop.url}/console/t/demo/health-now").text()

    def answer(next_s: int) -> None:
        told = re.sub(r'data-age="[^"]*" data-next="[^"]*"', f'data-age="45.0" data-next="{next_s}"', part)
        page.unroute("**/health-now")
        page.route("**/health-now", lambda route: route.fulfill(body=told, content_type="text/html"))
        with page.expect_response("**/health-now"):
            page.get_by_role("link", name="Read again").click()

    answer(50)
    expect(page.locator("[data-read]")).to_have_text(re.compile(r"^Read 4\d s ago\.$"))


@pytest.mark.long
def test_with_the_store_away_this_host_is_shown_and_what_still_works(browse, shop):
    guest = shop.guest()
    page = browse.open(f"/console/t/{guest.tenant}/incident", to=guest)
    shop.past.store_goes_away()
    try:
        page.goto(f"{shop.url}/console/t/{guest.tenant}/health")
        expect(page.locator(".note.warn").first).to_contain_text("The store is away", timeout=20_000)
        expect(advice(page)).to_have_text("Do not ship.")
        check_axe(page)
        picture(page, "health-away")
        page.goto(f"{shop.url}/console/t/{guest.tenant}/health/home")
        expect(page.get_by_text("Other hosts are not seen")).to_be_visible()
        expect(page.locator("main")).not_to_contain_text("Reading the logs")
        check_axe(page)
        page.goto(f"{shop.url}/console/t/{guest.tenant}/incident?symptom=all")
        expect(page.locator("#found")).to_contain_text("the store does not answer")
        check_axe(page)
        picture(page, "incident-away")
    finally:
        shop.past.store_comes_back()
        guest.served_from(2)
