"""What is tried on a share of units: begun, promoted, aborted."""

from typing import Annotated

import msgspec
from litestar import delete, get, post, put
from litestar.params import QueryParameter, RawBody

from recsys.documents.config import MAX_BYTES as MAX_CONFIG_BYTES
from recsys.documents.rules import MAX_BYTES as MAX_RULES_BYTES
from recsys.releases import RunningCandidate
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
    see,
)
from recsys.serving.admin.orders import CandidateOrder, Changed, PromoteOrder, changed
from recsys.store.names import NAME_PATTERN

__all__ = ["Running", "abort_candidate", "promote", "show_candidates", "start_candidate"]

_MAX_BYTES = MAX_CONFIG_BYTES + MAX_RULES_BYTES
"""It may bring both documents."""
Hold = Annotated[bool, QueryParameter(description="Hold what it carried, so that nothing begins it again.")]
OneSurface = Annotated[str, QueryParameter(pattern=NAME_PATTERN, description="The surface it runs on.")]


class Running(msgspec.Struct, frozen=True):
    """``GET …/candidate``."""

    candidates: tuple[RunningCandidate, ...]


@get("/v1/admin/tenants/{tenant:str}/candidate")
@aside
def show_candidates(request: Request, tenant: Tenant, surface: Surface = None) -> Running:
    """Show the candidates that run, and who began them."""
    return Running(see(request, tenant)[1].candidates.running(surface))


@put(
    "/v1/admin/tenants/{tenant:str}/candidate",
    request_max_body_size=_MAX_BYTES,
    opt=said(takes=CandidateOrder),
)
@aside
def start_candidate(request: Request, tenant: Tenant, body: RawBody, key: Key = None) -> Changed:
    """Begin a candidate beside what a surface serves, or change the share of the one that runs."""
    releases = pull(request, tenant)
    data = order(body, CandidateOrder)
    return changed(
        releases.candidates.start(
            data.surface,
            share=data.share,
            manifest=data.manifest,
            config=bytes(data.config) or None,
            rules=bytes(data.rules) or None,
            unit=data.unit,
            reason=data.reason,
            dry_run=data.dry_run,
            attempt=attempt_of(key),
        )
    )


@delete("/v1/admin/tenants/{tenant:str}/candidate", status_code=200)
@aside
def abort_candidate(
    request: Request,
    tenant: Tenant,
    *,
    surface: OneSurface,
    hold: Hold = False,
    reason: Reason = "",
    dry_run: DryRun = False,
    key: Key = None,
) -> Changed:
    """End the candidate; everybody gets what the surface serves. Passes under a hold."""
    candidates = pull(request, tenant).candidates
    return changed(candidates.abort(surface, hold=hold, reason=reason, dry_run=dry_run, attempt=attempt_of(key)))


@post("/v1/admin/tenants/{tenant:str}/promote", status_code=200, opt=said(takes=PromoteOrder))
@aside
def promote(request: Request, tenant: Tenant, body: RawBody, key: Key = None) -> Changed:
    """Make what the candidate serves live for everybody, and end it."""
    releases = pull(request, tenant)
    data = order(body, PromoteOrder)
    return changed(
        releases.candidates.promote(
            data.surface,
            evidence=data.evidence,
            reason=data.reason,
            dry_run=data.dry_run,
            attempt=attempt_of(key),
        )
    )
