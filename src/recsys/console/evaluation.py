"""Whether what is decided here can be believed: joins and splits over days, and the reports that justified changes.

Weeks of logs are read as :mod:`recsys.console.logs` says: one reading at a time, kept for a little.
"""

import time
from typing import Annotated, NamedTuple

from litestar import Response, get
from litestar.params import PathParameter, QueryParameter

from recsys.console.judged import DAYS, facts_of, joined, split_chart
from recsys.console.logs import read_once
from recsys.console.page import Page
from recsys.console.releases import Number
from recsys.console.visit import Visit, visiting
from recsys.errors import NotFound
from recsys.evaluation import Report
from recsys.events.observed import JoinDay, Observed
from recsys.operations.balance import HOLDS_BELOW, Balance, balances
from recsys.operations.evidence import evidence_of, reports
from recsys.operations.store_away import StoreAway, noticed
from recsys.releases import NoReleases
from recsys.serving.admin import Request, Tenant, aside

__all__ = ["show_evaluation", "show_logs", "show_report", "show_report_page", "show_reports"]

_DAY_S = 86_400.0

Digest = Annotated[str, PathParameter(description="The report, by its digest.")]
Days = Annotated[int, QueryParameter(ge=1, le=max(DAYS), description="How many days of logs are read.")]
Before = Annotated[int | None, QueryParameter(ge=1, description="Show reports of releases before this generation.")]

_ALONE = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
"""The policy of a report's page: it shows itself with its own style, in a frame of ours, and fetches nothing."""


@get("/t/{tenant:str}/evaluation")
@aside
def show_evaluation(request: Request, tenant: Tenant, days: Days = 14) -> Page:
    """Show the frame of the page; what takes reading comes by itself."""
    visit = visiting(request, tenant)
    return visit.page("evaluation.html", here="evaluation", days=days, choices=DAYS)


@get("/t/{tenant:str}/evaluation/logs")
@aside
def show_logs(request: Request, tenant: Tenant, days: Days = 14) -> Page:
    """Show joins and the split of what runs, day by day; with the store away what this host has of the joins."""
    visit = visiting(request, tenant)
    read = read_once(request, ("evaluation", tenant, days), lambda: _read(visit, days))
    return visit.fragment(
        "evaluation_logs.part.html",
        days=days,
        joins=joined(read.joins),
        splits=[(split, split_chart(split)) for split in read.splits],
        problem=read.problem,
        holds_below=HOLDS_BELOW,
    )


class _Read(NamedTuple):
    """What the logs tell of some days; ``problem``: why the store's cannot be read."""

    joins: tuple[JoinDay, ...]
    splits: tuple[Balance, ...]
    problem: str


def _read(visit: Visit, days: int) -> _Read:
    tenant = visit.tenant
    first_s = time.time() // _DAY_S * _DAY_S - (days - 1) * _DAY_S
    spool = visit.office.places.spool if visit.office.places.spool.is_dir() else None
    splits: tuple[Balance, ...] = ()
    problem = ""
    try:
        with noticed(opening=True):
            store = visit.store()
        with noticed(), Observed(store, tenant, since_s=first_s - _DAY_S, spool=spool, decisions=False) as observed:
            rows = observed.join_days()
            splits = _splits(visit, observed, since_s=first_s - _DAY_S)
    except StoreAway as away:
        problem = away.problem
        with Observed(None, tenant, since_s=first_s - _DAY_S, spool=spool, decisions=False) as observed:
            rows = observed.join_days()
    return _Read(_from(rows, first_s), splits, problem)


def _splits(visit: Visit, observed: Observed, *, since_s: float) -> tuple[Balance, ...]:
    try:
        return balances(visit.releases, observed, since_s=since_s)
    except NoReleases:
        return ()


def _from(rows: tuple[JoinDay, ...], first_s: float) -> tuple[JoinDay, ...]:
    """Leave out the day that is read only so that what was done on the next one finds its answers."""
    first = time.strftime("%Y-%m-%d", time.gmtime(first_s))
    return tuple(row for row in rows if row.day >= first)


@get("/t/{tenant:str}/evaluation/reports")
@aside
def show_reports(request: Request, tenant: Tenant, before: Before = None) -> Page:
    """List the reports that releases name, newest first."""
    visit = visiting(request, tenant)
    try:
        with noticed(opening=True):
            visit.store()
        with noticed():
            found = reports(visit.releases, before=before)
    except StoreAway as away:
        return visit.fragment("evaluation_reports.part.html", found=None, problem=away.problem, before=before)
    except NoReleases:
        found = None
    return visit.fragment("evaluation_reports.part.html", found=found, problem="", before=before)


@get("/t/{tenant:str}/evaluation/reports/{generation:int}/{digest:str}")
@aside
def show_report(request: Request, tenant: Tenant, generation: Number, digest: Digest) -> Page:
    """Show a report that a release names: its decision, then all of it."""
    visit = visiting(request, tenant)
    named, content = evidence_of(visit.releases, generation, digest)
    report = content if isinstance(content, Report) else None
    facts = () if content is None or report is not None else facts_of(content)
    return visit.page("report.html", here="evaluation", named=named, report=report, facts=facts)


@get("/t/{tenant:str}/evaluation/reports/{generation:int}/{digest:str}/page")
@aside
def show_report_page(request: Request, tenant: Tenant, generation: Number, digest: Digest) -> Response[bytes]:
    """Show an evaluation's report as it is written for people, alone in its frame."""
    visit = visiting(request, tenant)
    _, content = evidence_of(visit.releases, generation, digest)
    if not isinstance(content, Report):
        raise NotFound("this report has no page of its own", next_step="its figures are on the page before")
    headers = {"Content-Security-Policy": _ALONE, "X-Frame-Options": "SAMEORIGIN", "Referrer-Policy": "no-referrer"}
    return Response(content.to_html().encode(), media_type="text/html", headers=headers)
