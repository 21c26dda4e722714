"""The levers: rollback, undo, hold and resume, in the words of the command line."""

from typing import Annotated

from litestar import delete, post
from litestar.params import QueryParameter, RawBody

from recsys.serving.admin.asking import (
    DryRun,
    Key,
    Reason,
    Request,
    Surface,
    Tenant,
    aside,
    attempt_of,
    order,
    pull,
    said,
)
from recsys.serving.admin.orders import Changed, HoldOrder, RollbackOrder, UndoOrder, changed

__all__ = ["hold", "resume", "rollback", "undo"]

Levers = Annotated[
    str | None,
    QueryParameter(
        description="A list with commas of `config`, `rules`, `artifacts`; left out, all.",
        pattern="^(config|rules|artifacts)(,(config|rules|artifacts))*$",
    ),
]


@post("/v1/admin/tenants/{tenant:str}/rollback", status_code=200, opt=said(takes=RollbackOrder))
@aside
def rollback(request: Request, tenant: Tenant, body: RawBody, key: Key = None) -> Changed:
    """Pull a lever: a new generation that names old content. Passes under a hold."""
    releases = pull(request, tenant)
    data = order(body, RollbackOrder)
    return changed(
        releases.rollback(
            data.lever,
            surface=data.surface,
            to=data.to,
            further=data.further,
            no_hold=data.no_hold,
            reason=data.reason,
            dry_run=data.dry_run,
            attempt=attempt_of(key),
        )
    )


@post("/v1/admin/tenants/{tenant:str}/undo", status_code=200, opt=said(takes=UndoOrder))
@aside
def undo(request: Request, tenant: Tenant, body: RawBody, key: Key = None) -> Changed:
    """Take one change back: the newest that can be, or the one named."""
    releases = pull(request, tenant)
    data = order(body, UndoOrder)
    return changed(releases.undo(data.generation, reason=data.reason, dry_run=data.dry_run, attempt=attempt_of(key)))


@post("/v1/admin/tenants/{tenant:str}/hold", status_code=200, opt=said(takes=HoldOrder))
@aside
def hold(request: Request, tenant: Tenant, body: RawBody, key: Key = None) -> Changed:
    """Stop shipping: refuse changes to these levers, of one surface or of every one."""
    releases = pull(request, tenant)
    data = order(body, HoldOrder)
    return changed(
        releases.hold(
            surface=data.surface,
            levers=data.levers,
            reason=data.reason,
            dry_run=data.dry_run,
            attempt=attempt_of(key),
        )
    )


@delete("/v1/admin/tenants/{tenant:str}/hold", status_code=200)
@aside
def resume(
    request: Request,
    tenant: Tenant,
    *,
    surface: Surface = None,
    levers: Levers = None,
    reason: Reason = "",
    dry_run: DryRun = False,
    key: Key = None,
) -> Changed:
    """Lift the hold of exactly this scope."""
    chosen = levers.split(",") if levers else None
    releases = pull(request, tenant)
    return changed(
        releases.resume(surface=surface, levers=chosen, reason=reason, dry_run=dry_run, attempt=attempt_of(key))
    )
