"""Candidates: what is tried on a share of people, how its guard sees it, and its three ends: another share, everybody,
nobody.
"""

import math

import msgspec
from litestar import Response, get, post
from litestar.params import RawBody

from recsys.console.orders import attempt_in, carried_out, new_key, reason_in
from recsys.console.page import Page
from recsys.console.releases import changes_between
from recsys.console.visit import Form, Visit, ordered, visiting
from recsys.errors import RecsysError, Refused, UsageError
from recsys.releases import Change, RunningCandidate
from recsys.releases.guarded import Heard, hear_guard
from recsys.serving.admin import Request, Tenant, aside
from recsys.serving.problems import status_of

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
        status=200 if problem is None else status_of(problem),
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
        lines=tuple(changes_between(visit, visit.releases.read(since - 1), visit.releases.read(since))),
        key=new_key(),
    )


@post("/t/{tenant:str}/candidates")
@aside
def change_candidate(request: Request, tenant: Tenant, body: RawBody) -> Response[bytes]:
    """Give a candidate another share, promote it, or abort it."""
    visit, form = ordered(request, tenant, body)
    return carried_out(
        visit, form, lambda: _changed(visit, form), lambda error: _shown(visit, form=form, problem=error)
    )


def _changed(visit: Visit, form: Form) -> Change:
    candidates, surface, name = visit.releases.candidates, form.get("surface", ""), form.get("name", "")
    reason, attempt = reason_in(form), attempt_in(form)
    match form.get("do"):
        case "share":
            _still_runs(visit, surface, name)
            return candidates.start(surface, share=_share(form.get("percent", "")), reason=reason, attempt=attempt)
        case "promote":
            _confirmed(form, surface)
            return candidates.promote(surface, candidate=name, reason=reason, attempt=attempt)
        case "abort":
            hold = bool(form.get("hold"))
            return candidates.abort(surface, candidate=name, hold=hold, reason=reason, attempt=attempt)
        case other:
            raise UsageError(f"a candidate is not {str(other)[:40]!r}", next_step="share, promote or abort")


def _still_runs(visit: Visit, surface: str, name: str) -> None:
    """Refuse to give a share to another candidate than the one that was looked at."""
    running = [one.name for one in visit.releases.candidates.running(surface)]
    if name not in running:
        now = f"{running[0]} runs there now" if running else "none runs there now"
        raise Refused(f"candidate {name[:80]} does not run on {surface} any more: {now}", next_step="look at what runs")


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
