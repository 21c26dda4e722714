"""Taking one change back: what that would do, then a reason, and then it is done."""

from litestar import Response, get, post
from litestar.params import RawBody

from recsys.console.orders import attempt_in, carried_out, new_key, reason_in
from recsys.console.page import Page
from recsys.console.releases import Number
from recsys.console.visit import Form, Visit, ordered, visiting
from recsys.errors import RecsysError
from recsys.serving.admin import Request, Tenant, aside
from recsys.serving.problems import status_of

__all__ = ["ask_undo", "undo"]


@get("/t/{tenant:str}/undo/{generation:int}")
@aside
def ask_undo(request: Request, tenant: Tenant, generation: Number) -> Page:
    """See what taking one change back would do."""
    return _undo_asked(visiting(request, tenant), generation)


def _undo_asked(
    visit: Visit, generation: int, *, form: Form | None = None, problem: RecsysError | None = None, status: int = 200
) -> Page:
    release, change = visit.releases.read(generation), None
    try:
        change = visit.releases.undo(generation, dry_run=True)
    except RecsysError as error:
        problem = problem or error
    return visit.page(
        "undo.html",
        here="releases",
        status=status,
        release=release,
        change=change,
        problem=problem,
        reason="" if form is None else form.get("reason", ""),
        key=new_key() if form is None else form.get("key", ""),
    )


@post("/t/{tenant:str}/undo/{generation:int}")
@aside
def undo(request: Request, tenant: Tenant, generation: Number, body: RawBody) -> Response[bytes]:
    """Take it back."""
    visit, form = ordered(request, tenant, body)
    return carried_out(
        visit,
        form,
        lambda: visit.releases.undo(generation, reason=reason_in(form), attempt=attempt_in(form)),
        lambda error: _undo_asked(visit, generation, form=form, problem=error, status=status_of(error)),
    )
