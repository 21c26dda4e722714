"""What was released: listed, shown, and as the audit of who changed what."""

from itertools import islice
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import PathParameter, QueryParameter

from recsys.access import Right
from recsys.releases import Page, Release
from recsys.releases.audit import AuditEntry, audit
from recsys.releases.tenant import PAGE_MOST
from recsys.serving.admin.asking import Request, Tenant, aside, see

__all__ = ["AUDIT_MOST", "Audit", "AuditEntry", "list_releases", "show_audit", "show_release"]

AUDIT_MOST = 200
"""Entries in one answer, each with its states: a person reads them."""
_LARGEST = 2**53 - 1
"""Past it JSON does not keep whole numbers apart."""
Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MOST, description="How many at most.")]
AuditLimit = Annotated[int, QueryParameter(ge=1, le=AUDIT_MOST, description="How many at most.")]
Before = Annotated[
    int | None, QueryParameter(ge=1, le=_LARGEST, description="Only generations below this one: the `next` of a page.")
]
Number = Annotated[int, PathParameter(ge=1, le=_LARGEST, description="The generation.")]


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, newest first; ``next`` is the ``before`` of the older ones, ``null`` at the end."""

    entries: tuple[AuditEntry, ...]
    next: int | None


@get("/v1/admin/tenants/{tenant:str}/releases")
@aside
def list_releases(request: Request, tenant: Tenant, limit: Limit = 50, before: Before = None) -> Page:
    """List releases, newest first."""
    return see(request, tenant)[1].list(limit=limit, before=before)


@get("/v1/admin/tenants/{tenant:str}/releases/{generation:int}")
@aside
def show_release(request: Request, tenant: Tenant, generation: Number) -> Release:
    """Show one release."""
    return see(request, tenant)[1].read(generation)


@get("/v1/admin/tenants/{tenant:str}/audit")
@aside
def show_audit(request: Request, tenant: Tenant, limit: AuditLimit = 50, before: Before = None) -> Audit:
    """Show who changed what and why, newest first; the states before and after only to operators and admins."""
    principal, releases = see(request, tenant)
    found = audit(releases, before=before, states=principal.may(Right.READ_STATES))
    entries = tuple(islice(found, limit))
    oldest = entries[-1].generation if entries else 1
    return Audit(entries=entries, next=oldest if oldest > 1 else None)
