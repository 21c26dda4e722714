"""Candidates: what is tried on a share of people, how its guard sees it, and its three ends: another share, everybody,
nobody.
"""

import math

import msgspec
from litestar import Response, get, post
from litestar.params import RawBody

from recsys.console.orders import attempt_in, new_key, reason_in
from recsys.console.page import Page, at
from recsys.console.visit import Form, Visit, ordered, to, visiting
from recsys.errors import RecsysError, UsageError
from recsys.releases import Change, RunningCandidate
from recsys.releases.guarded import Heard, hear_guard
from recsys.serving.admin import Request, Tenant, aside

__all__ = ["change_candidate", "show_candidates"]


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate with what its guard last said. ``key`` names the attempt of its forms."""

    candidate: RunningCandidate
    guard: Heard | None
    lines: tuple[str, ...]
    key: str


@get("/t/{tenant:str}/candidates")
@aside
def show_candidates(request: Request, tenant: Tenant) -> Page:
    """Show the candidates that run."""
    return _shown(visiting(request, tenant))


def _shown(visit: Visit, *, problem: RecsysError | None = None, form: Form | None = None) -> Page:
    head = visit.releases.current()
    running = [_told(visit, one) for one in visit.releases.candidates.running()]
    return visit.page(
        "candidates.html",
        here="releases",
        status=200 if problem is None else 409,
        head=head,
        running=running,
        problem=problem,
        form=form or {},
    )


def _told(visit: Visit, candidate: RunningCandidate) -> Running:
    since = candidate.candidate.since
    return Running(
        candidate=candidate,
        guard=hear_guard(visit.store().objects, visit.tenant, candidate.name),
        lines=tuple(visit.releases.diff(since - 1, since).lines()),
        key=new_key(),
    )


@post("/t/{tenant:str}/candidates")
@aside
def change_candidate(request: Request, tenant: Tenant, body: RawBody) -> Response[bytes]:
    """Give a candidate another share, promote it, or abort it."""
    visit, form = ordered(request, tenant, body)
    try:
        change = _changed(visit, form)
    except RecsysError as error:
        return _shown(visit, problem=error, form=form)
    return to(at(tenant, "releases", change.release.generation, pulled=True))


def _changed(visit: Visit, form: Form) -> Change:
    candidates, surface, name = visit.releases.candidates, form.get("surface", ""), form.get("name", "")
    reason, attempt = reason_in(form), attempt_in(form)
    match form.get("do"):
        case "share":
            return candidates.start(surface, share=_share(form.get("percent", "")), reason=reason, attempt=attempt)
        case "promote":
            _confirmed(form, surface)
            return candidates.promote(surface, candidate=name, reason=reason, attempt=attempt)
        case "abort":
            hold = bool(form.get("hold"))
            return candidates.abort(surface, candidate=name, hold=hold, reason=reason, attempt=attempt)
        case other:
            raise UsageError(f"a candidate is not {str(other)[:40]!r}", next_step="share, promote or abort")


def _share(percent: str) -> float:
    try:
        value = float(percent)
    except ValueError:
        value = math.nan
    if not 0 < value <= 100:
        raise UsageError(f"{percent[:40] or 'nothing'} is no share", next_step="per cent, above 0 and up to 100")
    return value / 100


def _confirmed(form: Form, surface: str) -> None:
    if form.get("typed", "") != surface:
        raise UsageError(f"type {surface} to confirm, not {form.get('typed', '')[:80] or 'nothing'}")
