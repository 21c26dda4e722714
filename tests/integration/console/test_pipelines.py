"""Pipelines in the console: how runs went, and why one failed."""

import pytest
from tests.integration.console.browsing import Browsing, check_axe, check_narrow, picture
from tests.integration.console.pasts import Past
from tests.integration.console.shops import Console, Guest
from tests.integration.serving.shops import until

from recsys.pipelines.report import LastRun, record_run

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def lived(shop: Console, tmp_path_factory: pytest.TempPathFactory) -> tuple[Guest, LastRun]:
    """A tenant with three weeks of runs, of which the last one failed."""
    guest = shop.guest()
    return guest, Past(guest, tmp_path_factory.mktemp("past")).ran()


def at(guest: Guest, *parts: str) -> str:
    return "/".join(("/console/t", guest.tenant, "pipelines", *parts))


def test_a_real_run_is_told_with_its_stages_and_what_it_made(browse: Browsing, shop: Console) -> None:
    page = browse.open("/console/t/demo/pipelines", to=shop)
    assert page.locator("h1").text_content() == "Pipelines of demo"
    home = page.locator("section", has=page.get_by_role("link", name="home", exact=True)).first
    for stage in ("ingest", "validate", "compute", "publish"):
        assert home.locator("li", has_text=stage).locator(".stage-says").text_content() != "not reached"
    check_axe(page)
    home.get_by_role("link", name="the runs before it").click()
    assert page.get_by_role("heading", level=1).text_content() == "Runs of home"
    check_axe(page)
    page.locator("table").last.locator("tbody a").first.click()
    assert "What its checks measured" in page.locator("main").inner_text()
    check_axe(page)


def test_a_run_that_failed_says_where_why_and_what_to_do(browse: Browsing, lived: tuple[Guest, LastRun]) -> None:
    guest, _ = lived
    page = browse.open(at(guest), to=guest)
    said = page.locator(".note.bad").inner_text()
    assert "It stopped at publish: the artifacts failed their checks" in said
    assert "cooc: items, of what is served\t19%\t50%" in said
    assert "What to do: mend the source and run again" in said
    assert page.locator(".stage-stopped .stage-name").all_text_contents() == ["publish"]
    way = page.get_by_role("link", name="Go through the incident checklist").get_attribute("href") or ""
    assert way.endswith("/incident?symptom=validation-failed")
    check_axe(page)
    check_narrow(page)
    picture(page, "pipelines")


def test_the_runs_of_a_surface_are_drawn_and_told_in_a_table(browse: Browsing, lived: tuple[Guest, LastRun]) -> None:
    guest, last = lived
    page = browse.open(at(guest, "home"), to=guest)
    page.wait_for_selector(".chart canvas")
    assert page.locator(".chart canvas").count() == 4
    assert page.locator(".charts h3").all_text_contents() == [
        "Seconds by stage",
        "Events",
        "Items made",
        "In common with what was served",
    ]
    drift = page.locator("h2", has_text="Drift of the last run").locator("xpath=following-sibling::div[1]").inner_text()
    assert drift.index("cooc: items, of what is served") < drift.index("popularity: items, of what is served")
    assert page.locator("table").last.locator("tbody tr").count() == 21
    check_axe(page)
    check_narrow(page)
    picture(page, "runs")
    page.goto(f"{browse.origin}{at(guest, 'home', last.name)}")
    assert "CHECKS_FAILED" in page.locator("main").inner_text()
    check_axe(page)
    check_narrow(page)
    picture(page, "run")


def test_charts_follow_the_width_and_the_theme(browse: Browsing, lived: tuple[Guest, LastRun]) -> None:
    guest, _ = lived
    page = browse.open(at(guest, "home"), to=guest)
    page.wait_for_selector(".chart canvas")
    page.set_viewport_size({"width": 400, "height": 800})
    canvas = page.locator(".chart canvas").first
    until(lambda: (canvas.bounding_box() or {"width": 999})["width"] < 400, "the chart to be as narrow as the page")
    page.locator("summary").first.click()
    drawn = "one => one.toDataURL()"
    before = canvas.evaluate(drawn)
    page.get_by_role("button", name="Light or dark").click()
    until(lambda: page.locator(".chart canvas").first.evaluate(drawn) != before, "the chart to be drawn anew")


def test_where_no_run_is_recorded_the_page_says_how_to_make_one(browse: Browsing, shop: Console) -> None:
    guest = shop.guest()
    page = browse.open(at(guest), to=guest)
    assert "recsys pipelines run" in page.locator(".empty").inner_text()
    check_axe(page)
    page.goto(f"{browse.origin}{at(guest, 'home')}")
    assert "No run is recorded" in page.locator("main").inner_text()
    check_axe(page)
    browse.allow("404|422")
    for nowhere in ("nowhere", "home/20260101", "No%20Name"):
        page.goto(f"{browse.origin}{at(guest, nowhere)}")
        assert page.get_by_role("heading", level=1).text_content() == "This page cannot be shown"


def test_a_run_that_never_ended_is_told_so(browse: Browsing, shop: Console) -> None:
    guest = shop.guest()
    began = LastRun(
        tenant=guest.tenant, surface="home", stage="compute", started="2026-01-05T00:00:00Z", took_s={"ingest": 4.0}
    )
    record_run(guest.shop.store, began)
    page = browse.open(at(guest), to=guest)
    said = page.locator(".note.bad").inner_text()
    assert "It stopped at compute" in said
    assert "was it killed?" in said


def test_a_run_of_another_tenant_is_not_shown(browse: Browsing, shop: Console, lived: tuple[Guest, LastRun]) -> None:
    guest, last = lived
    page = browse.open(at(guest, "home", last.name), to=shop)
    assert page.get_by_role("heading", level=1).text_content() == "Sign in"
