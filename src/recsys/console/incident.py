"""The first-incident checklist as a page: what is seen, what the doctor found, and the way to the lever."""

from typing import Annotated, Literal

from litestar import get
from litestar.params import QueryParameter

from recsys.console.findings import QUESTIONS, in_words
from recsys.console.page import Page
from recsys.console.visit import visiting
from recsys.operations.doctor import Symptom
from recsys.operations.looking import look_for_causes
from recsys.operations.thresholds import MOST_HOURS
from recsys.serving.admin import Request, Tenant, aside

__all__ = ["show_findings", "show_incident"]

_SPANS_H = {1: "the last hour", 6: "the last 6 hours", 24: "the last day", 168: "the last week"}
Seen = Annotated[
    Symptom | Literal["all"] | None, QueryParameter(description="What is seen; `all` walks the whole checklist.")
]
Hours = Annotated[int, QueryParameter(gt=0, le=MOST_HOURS, description="How far back the event logs are read.")]


@get("/t/{tenant:str}/incident")
@aside
def show_incident(request: Request, tenant: Tenant, symptom: Seen = None, hours: Hours = 24) -> Page:
    """Ask what is seen, and then let the doctor look for it."""
    visit = visiting(request, tenant)
    return visit.page(
        "incident.html",
        here="incident",
        symptom=symptom,
        hours=hours,
        questions=QUESTIONS,
        spans=_SPANS_H,
        span=_SPANS_H.get(hours, f"the last {hours} hours"),
    )


@get("/t/{tenant:str}/incident-found")
@aside
def show_findings(request: Request, tenant: Tenant, symptom: Seen = "all", hours: Hours = 24) -> Page:
    """Show what the doctor finds, which takes seconds; a part of the page."""
    visit = visiting(request, tenant)
    symptoms: tuple[Symptom, ...] = () if symptom is None or symptom == "all" else (symptom,)
    found = look_for_causes(visit.office, tenant, symptoms=symptoms, window_s=hours * 3600.0)
    return visit.fragment(
        "findings.part.html",
        found=found,
        findings=[in_words(finding) for finding in found.findings],
        symptom=symptom,
        questions=QUESTIONS,
    )
