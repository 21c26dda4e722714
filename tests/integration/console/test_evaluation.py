"""Evaluation in the console: whether the logs can be believed, and the reports that justified changes."""

import json
from typing import TYPE_CHECKING

import pytest
from tests.integration.console.browsing import Browsing, check_axe, check_narrow, expect, picture
from tests.integration.console.pasts import Past
from tests.integration.console.shops import Console, Guest

from recsys.encoding import canonical, digest
from recsys.evaluation import Report

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.long

GUARDED = canonical(
    {"kind": "guard.v1", "candidate": {"share": 0.1}, "look": {"state": "aborted", "why": "errors: 9% and 1%"}}
)


@pytest.fixture(scope="module")
def judged(shop: Console, tmp_path_factory: pytest.TempPathFactory) -> tuple[Guest, Report]:
    """A tenant whose candidate loses people since the tenth day, and that has a report of each kind."""
    guest = shop.guest()
    past = Past(guest, tmp_path_factory.mktemp("past"))
    past.people_came(people=400, uneven_from=5, lost_on=6)
    report = past.evaluated()
    evidence = (
        report.to_json(),
        past.gated(),
        past.gated(failed=("lists keep 2.0% of their items",)),
        GUARDED,
        b"a note",
    )
    guest.releases.hold(surface="home", reason="the split is wrong", evidence=evidence)
    guest.releases.resume(surface="home", reason="tests go on")
    return guest, report


def at(guest: Guest, *parts: object) -> str:
    return "/".join(("/console/t", guest.tenant, "evaluation", *map(str, parts)))


def ready(page: "Page") -> None:
    """Wait until all parts of the page have come."""
    expect(page.locator(".reading")).to_have_count(0, timeout=15_000)


def test_decisions_stand_first_each_with_the_generation_it_justified(
    browse: Browsing, judged: tuple[Guest, Report]
) -> None:
    guest, report = judged
    page = browse.open(at(guest), to=guest)
    ready(page)
    table = page.locator("#decisions ~ div table")
    rows = table.locator("tbody tr")
    assert [row.split()[0] for row in rows.locator("td:first-child").all_inner_texts()] == [
        report.decision.outcome, "passed", "failed", "aborted", "–",
    ]  # fmt: skip
    assert rows.locator("th").all_inner_texts()[0].startswith("experiment")
    assert f"generation {guest.releases.current().generation - 1}, hold" in rows.first.inner_text()


def test_low_joins_and_a_split_that_went_wrong_are_told_drawn_and_dated(
    browse: Browsing, judged: tuple[Guest, Report]
) -> None:
    guest, _ = judged
    page = browse.open(at(guest), to=guest)
    ready(page)
    said = page.locator("#trust").locator("xpath=ancestor::section[1]").inner_text()
    assert "joins are low" in said
    assert "on 1 of 13 days fewer than 95% do" in said
    assert "mismatch" in said
    assert "control 5" in said, said
    assert "units are lost or sorted wrongly in one arm" in said.lower()
    assert page.locator(".chart canvas").count() == 2
    names = [one.get_attribute("aria-label") or "" for one in page.locator("[data-chart]").all()]
    assert names[0].startswith("Share of outcomes that find their answer")
    page.locator("details > summary", has_text="In figures").last.click()
    check_axe(page)
    check_narrow(page)
    page.evaluate("scrollTo(0, 0)")
    picture(page, "evaluation")


def test_another_span_of_days_is_read_when_asked_for(browse: Browsing, judged: tuple[Guest, Report]) -> None:
    guest, _ = judged
    page = browse.open(at(guest), to=guest)
    page.get_by_role("link", name="7 days").click()
    ready(page)
    assert page.locator("[aria-current=true]").inner_text() == "7 days"
    chart = json.loads(page.locator("[data-chart]").first.get_attribute("data-chart") or "")
    assert len(chart["x"]) == 6, "today nobody came"


def test_a_report_opens_with_its_decision_and_its_page_in_a_frame_of_its_own(
    browse: Browsing, judged: tuple[Guest, Report]
) -> None:
    guest, report = judged
    page = browse.open(at(guest), to=guest)
    page.get_by_role("link", name="experiment", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "Report of an evaluation"
    assert report.decision.what_to_do in page.locator("main").inner_text()
    frame = page.frame_locator("iframe.report")
    assert "decided by rule" in frame.locator("h1").inner_text()
    assert frame.locator("svg").count() >= 1
    colour = frame.locator(".recsys-report header").evaluate("one => getComputedStyle(one).borderLeftWidth")
    assert colour == "6px", "its style is applied"
    check_axe(page)
    check_narrow(page)
    picture(page, "report")


def test_a_report_of_an_evaluation_runs_nothing_and_is_framed_by_nobody_else(
    browse: Browsing, judged: tuple[Guest, Report]
) -> None:
    guest, report = judged
    page = browse.open(at(guest), to=guest)
    held = guest.releases.current().generation - 1
    answer = page.request.get(f"{browse.origin}{at(guest, 'reports', held, digest(report.to_json()), 'page')}")
    policy = answer.headers["content-security-policy"]
    assert "sandbox;" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "<script" not in answer.text()


@pytest.mark.parametrize(
    ("link", "title", "told"),
    [
        ("replay gate", "Report of the replay gate", "items that lists keep"),
        ("guard", "Report of a guard", "candidate.share"),
        ("document", "Document given as evidence", "of no kind that is known here"),
    ],
)
def test_other_evidence_is_a_table_of_its_facts(
    browse: Browsing, judged: tuple[Guest, Report], link: str, title: str, told: str
) -> None:
    guest, _ = judged
    page = browse.open(at(guest), to=guest)
    page.get_by_role("link", name=link, exact=True).first.click()
    assert page.get_by_role("heading", level=1).inner_text() == title
    assert told in page.locator("main").inner_text()
    assert page.locator("iframe").count() == 0
    check_axe(page)
    check_narrow(page)
    picture(page, f"report-{link.replace(' ', '-')}")


def test_a_release_leads_to_the_reports_that_justified_it(browse: Browsing, judged: tuple[Guest, Report]) -> None:
    guest, report = judged
    held = guest.releases.current().generation - 1
    page = browse.open(f"/console/t/{guest.tenant}/releases/{held}", to=guest)
    page.get_by_role("link", name=digest(report.to_json())[7:19]).click()
    assert page.get_by_role("heading", level=1).inner_text() == "Report of an evaluation"


def test_what_no_release_names_is_not_shown(browse: Browsing, judged: tuple[Guest, Report]) -> None:
    guest, _ = judged
    browse.allow("404")
    head = guest.releases.current()
    for generation, named in ((head.generation, head.config), (99, head.config), (head.generation - 1, head.rules)):
        page = browse.open(at(guest, "reports", generation, named), to=guest)
        assert page.get_by_role("heading", level=1).inner_text() == "This page cannot be shown"


def test_before_anything_was_decided_the_page_says_what_to_do(browse: Browsing, shop: Console) -> None:
    guest = shop.guest()
    page = browse.open(at(guest), to=guest)
    ready(page)
    said = page.locator("main").inner_text()
    assert "No change was justified by a report yet" in said
    assert "No candidate and no experiment runs" in said
    assert "No answer of the last 14 days is on record" in said
    check_axe(page)
    picture(page, "evaluation-empty")


def test_the_shop_that_serves_has_joins(browse: Browsing, shop: Console) -> None:
    page = browse.open("/console/t/demo/evaluation", to=shop)
    ready(page)
    assert "100.0% of 30 outcomes find the answer they belong to." in page.locator("main").inner_text()
