"""Holds: "stop shipping", placed and lifted."""

from litestar import Response, get, post
from litestar.params import RawBody

from recsys.console.asked import OnSurface
from recsys.console.orders import attempt_in, carried_out, new_key, reason_in
from recsys.console.page import Page
from recsys.console.visit import Form, Visit, ordered, visiting
from recsys.errors import RecsysError, UsageError
from recsys.releases import LEVERS, Change
from recsys.serving.admin import Request, Tenant, aside
from recsys.serving.problems import status_of

__all__ = ["change_hold", "show_holds"]


@get("/t/{tenant:str}/holds")
@aside
def show_holds(request: Request, tenant: Tenant, surface: OnSurface = None) -> Page:
    """Show what is held, and offer to hold and to resume."""
    return _shown(visiting(request, tenant), surface=surface)


def _shown(
    visit: Visit, *, surface: str | None = None, form: Form | None = None, problem: RecsysError | None = None
) -> Page:
    head = visit.releases.current()
    given = form if form and form.get("do") != "resume" else {}
    return visit.page(
        "holds.html",
        here="releases",
        status=200 if problem is None else status_of(problem),
        head=head,
        surfaces=sorted(head.surfaces),
        levers=LEVERS,
        surface=given.get("surface", surface or ""),
        chosen=[lever for lever in LEVERS if given.get(lever)] if given else ["artifacts"],
        resumed=form if form and form.get("do") == "resume" else {},
        reason=given.get("reason", ""),
        problem=problem,
        keys=[new_key() for _ in range(len(head.holds) + 1)],
    )


@post("/t/{tenant:str}/holds")
@aside
def change_hold(request: Request, tenant: Tenant, body: RawBody) -> Response[bytes]:
    """Place a hold, or lift one."""
    visit, form = ordered(request, tenant, body)
    return carried_out(
        visit, form, lambda: _changed(visit, form), lambda error: _shown(visit, form=form, problem=error)
    )


def _changed(visit: Visit, form: Form) -> Change:
    levers = [lever for lever in LEVERS if form.get(lever)]
    if not levers:
        raise UsageError("nothing was chosen", next_step="choose what may not change")
    surface, reason, attempt = form.get("surface") or None, reason_in(form), attempt_in(form)
    pull = visit.releases.resume if form.get("do") == "resume" else visit.releases.hold
    return pull(surface=surface, levers=levers, reason=reason, attempt=attempt)
