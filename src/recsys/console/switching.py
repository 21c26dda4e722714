"""Switching one rule off or on: the smallest lever there is. First what it would do, then a reason."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter, RawBody

from recsys.console.asked import About, OnSurface
from recsys.console.documents import current
from recsys.console.orders import attempt_in, carried_out, new_key, reason_in
from recsys.console.page import Page
from recsys.console.releases import previewed
from recsys.console.visit import Form, Visit, ordered, visiting
from recsys.documents.config import MAX_ID_LENGTH
from recsys.errors import NotFound, RecsysError
from recsys.operations.doctor import SYMPTOMS, Symptom
from recsys.releases import Attempt, Change
from recsys.serving.admin import Request, Tenant, aside
from recsys.serving.problems import status_of

__all__ = ["ask_switch", "show_switch_lists", "switch"]

RuleId = Annotated[str, QueryParameter(max_length=MAX_ID_LENGTH, description="The rule.")]
On = Annotated[bool, QueryParameter(description="Whether it is to be on.")]


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which rule is to be switched on, or off. ``symptom`` and ``surface``: what the doctor found, when it was the
    doctor who led here.
    """

    rule: str
    on: bool
    symptom: Symptom | None = None
    surface: str | None = None

    def run(self, visit: Visit, *, reason: str = "", dry_run: bool, attempt: Attempt | None = None) -> Change:
        """Switch it."""
        switched = visit.releases.enable_rule if self.on else visit.releases.disable_rule
        return switched(self.rule, reason=reason, dry_run=dry_run, attempt=attempt)


@get("/t/{tenant:str}/documents/switch")
@aside
def ask_switch(
    request: Request, tenant: Tenant, *, rule: RuleId, on: On, symptom: About = None, surface: OnSurface = None
) -> Page:
    """See what switching one rule would do."""
    return _asked(visiting(request, tenant), _Asked(rule=rule, on=on, symptom=symptom, surface=surface))


@get("/t/{tenant:str}/documents/switch/lists")
@aside
def show_switch_lists(request: Request, tenant: Tenant, *, rule: RuleId, on: On, surface: OnSurface = None) -> Page:
    """Show what requests of late would show after it; a part of the page before."""
    visit = visiting(request, tenant)
    head, change = visit.releases.current(), _Asked(rule=rule, on=on).run(visit, dry_run=True)
    found = previewed(visit, head, change.release, surface=surface, documents=change.documents)
    return visit.fragment("preview.part.html", preview=found)


@post("/t/{tenant:str}/documents/switch")
@aside
def switch(request: Request, tenant: Tenant, body: RawBody) -> Response[bytes]:
    """Do it."""
    visit, form = ordered(request, tenant, body)
    asked = _Asked(
        rule=form.get("rule", ""),
        on=form.get("on") == "true",
        symptom=next((name for name in SYMPTOMS if name == form.get("symptom")), None),
        surface=form.get("surface") or None,
    )
    return carried_out(
        visit,
        form,
        lambda: asked.run(visit, reason=reason_in(form), dry_run=False, attempt=attempt_in(form)),
        lambda error: _asked(visit, asked, form=form, problem=error),
        symptom=asked.symptom,
        surface=asked.surface,
    )


def _asked(visit: Visit, asked: _Asked, *, form: Form | None = None, problem: RecsysError | None = None) -> Page:
    status = 200 if problem is None else status_of(problem)
    change = None
    try:
        change = asked.run(visit, dry_run=True)
    except NotFound:
        raise
    except RecsysError as error:
        problem = problem or error
    text = current(visit, "rules").text
    known = [rule for rule in msgspec.json.decode(text) if rule["id"] == asked.rule]
    return visit.page(
        "switch.html",
        here="documents",
        status=status,
        asked=asked,
        change=change,
        problem=problem,
        json=msgspec.json.format(msgspec.json.encode(known[0]), indent=2).decode() if known else "",
        reason="" if form is None else form.get("reason", ""),
        key=new_key() if form is None else form.get("key", ""),
    )
