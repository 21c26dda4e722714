"""Rolling back: first what it would do, then a reason and the surface's name, and then it is done.

What was looked at is what is done: the form carries the generation to go back to, and the name of the attempt, so that
sending it twice makes one release.
"""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter, RawBody

from recsys.console.asked import LARGEST, About
from recsys.console.orders import attempt_in, carried_out, new_key, reason_in
from recsys.console.page import Page
from recsys.console.releases import changes_between, previewed
from recsys.console.visit import Form, Visit, ordered, visiting
from recsys.encoding import convert
from recsys.errors import RecsysError, UsageError
from recsys.operations.doctor import Symptom
from recsys.releases import AlreadyRolledBack, Attempt, Change, Lever
from recsys.serving.admin import Request, Tenant, aside
from recsys.serving.problems import status_of
from recsys.store.names import NAME_PATTERN

__all__ = ["ask_rollback", "roll_back", "show_rollback_lists"]

AskedLever = Annotated[Lever | None, QueryParameter(description="What to reverse.")]
TheLever = Annotated[Lever, QueryParameter(description="What to reverse.")]
OnSurface = Annotated[
    str | None, QueryParameter(pattern=f"^$|{NAME_PATTERN}", description="One surface; for artifacts, which.")
]
To = Annotated[int | None, QueryParameter(ge=1, le=LARGEST, description="Bring back this generation's content.")]
Further = Annotated[bool, QueryParameter(description="Go behind what the last rollback brought back.")]
NoHold = Annotated[bool, QueryParameter(description="Do not hold the surface's artifacts with it.")]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be rolled back. ``symptom``: what the doctor found, when it was the doctor who led here."""

    lever: Lever
    surface: str | None = None
    to: int | None = None
    further: bool = False
    no_hold: bool = False
    symptom: Symptom | None = None

    def run(self, visit: Visit, *, reason: str = "", dry_run: bool, attempt: Attempt | None = None) -> Change:
        """Pull the lever."""
        return visit.releases.rollback(
            self.lever,
            surface=self.surface,
            to=self.to,
            further=self.further,
            no_hold=self.no_hold,
            reason=reason,
            dry_run=dry_run,
            attempt=attempt,
        )


@get("/t/{tenant:str}/rollback")
@aside
def ask_rollback(
    request: Request,
    tenant: Tenant,
    *,
    lever: AskedLever = None,
    surface: OnSurface = None,
    to: To = None,
    further: Further = False,
    no_hold: NoHold = False,
    symptom: About = None,
) -> Page:
    """Choose a lever, and see what pulling it would do."""
    visit = visiting(request, tenant)
    if lever is None:
        return _choose(visit, surface=surface)
    asked = Asked(lever=lever, surface=surface or None, to=to, further=further, no_hold=no_hold, symptom=symptom)
    return _previewed(visit, asked)


def _choose(visit: Visit, *, surface: str | None, problem: RecsysError | None = None) -> Page:
    head = visit.releases.current()
    return visit.page(
        "rollback_choose.html",
        here="releases",
        head=head,
        surfaces=sorted(head.surfaces),
        surface=surface,
        problem=problem,
    )


def _previewed(
    visit: Visit, asked: Asked, *, form: Form | None = None, problem: RecsysError | None = None, status: int = 200
) -> Page:
    head = visit.releases.current()
    try:
        change: Change | None = asked.run(visit, dry_run=True)
    except RecsysError as error:
        if isinstance(error, UsageError):
            return _choose(visit, surface=asked.surface, problem=error)
        change, problem = None, problem or error
    if change is not None:
        asked = msgspec.structs.replace(asked, surface=change.surface or asked.surface)
        if change.changed:  # what was looked at is what is done, whoever ships meanwhile
            asked = msgspec.structs.replace(asked, to=change.release.restores or asked.to, further=False)
    return visit.page(
        "rollback.html",
        here="releases",
        status=status,
        asked=asked,
        change=change,
        lines=[] if change is None else changes_between(visit, head, change.release, documents=change.documents),
        head=head,
        word=asked.surface or visit.tenant,
        problem=problem,
        went_back=isinstance(problem, AlreadyRolledBack),
        reason="" if form is None else form.get("reason", ""),
        key=new_key() if form is None else form.get("key", ""),
    )


@get("/t/{tenant:str}/rollback/lists")
@aside
def show_rollback_lists(
    request: Request,
    tenant: Tenant,
    *,
    lever: TheLever,
    surface: OnSurface = None,
    to: To = None,
    no_hold: NoHold = False,
) -> Page:
    """Show what requests of late would show after it; a part of the page before."""
    visit = visiting(request, tenant)
    asked = Asked(lever=lever, surface=surface or None, to=to, no_hold=no_hold)
    head, change = visit.releases.current(), asked.run(visit, dry_run=True)
    found = previewed(visit, head, change.release, surface=asked.surface, documents=change.documents)
    return visit.fragment("preview.part.html", preview=found)


@post("/t/{tenant:str}/rollback")
@aside
def roll_back(request: Request, tenant: Tenant, body: RawBody) -> Response[bytes]:
    """Do it, once the surface's name was typed."""
    visit, form = ordered(request, tenant, body)
    given = {name: value for name, value in form.items() if name in Asked.__struct_fields__ and value}
    asked = convert(_typed(given), Asked, what="form")
    typed, word = form.get("typed", ""), asked.surface or tenant
    if typed != word:
        problem = UsageError(f"type {word} to confirm, not {typed[:80] or 'nothing'}")
        return _previewed(visit, asked, form=form, problem=problem, status=422)
    return carried_out(
        visit,
        form,
        lambda: asked.run(visit, reason=reason_in(form), dry_run=False, attempt=attempt_in(form)),
        lambda error: _previewed(visit, asked, form=form, problem=error, status=status_of(error)),
        symptom=asked.symptom,
        surface=asked.surface,
    )


def _typed(form: dict[str, str]) -> dict[str, Any]:
    """Give the words of a form the types that they have."""
    given: dict[str, Any] = dict(form)
    if "to" in given:
        given["to"] = int(given["to"]) if given["to"].isdecimal() and len(given["to"]) < 17 else given["to"]
    for flag in ("further", "no_hold"):
        if flag in given:
            given[flag] = given[flag] in ("true", "on")
    return given
