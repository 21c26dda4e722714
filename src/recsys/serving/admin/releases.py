"""What was released: listed, shown, and as the audit of who changed what."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.params import PathParameter, QueryParameter

from recsys.access import Right
from recsys.releases import Page, Release
from recsys.releases.record import parts_of, touched
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


class States(msgspec.Struct, frozen=True, rename={"old": "before", "new": "after"}):
    """The state of one part before and after: a digest, a candidate, the holds."""

    old: Any
    new: Any


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who changed what, when and why. ``states``: of each part that changed; only for operators and admins."""

    generation: int
    at: str
    actor: str
    action: str
    reason: str
    changed: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    restores: int | None = None
    states: Mapping[str, States] | None = None


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
    page = releases.list(limit=limit + 1, before=before).releases  # one more: what the oldest shown came after
    states = principal.may(Right.READ_STATES)
    entries = tuple(
        _entry(release, page[at + 1] if at + 1 < len(page) else None, states=states)
        for at, release in enumerate(page[:limit])
    )
    return Audit(entries=entries, next=entries[-1].generation if len(page) > limit else None)


def _entry(release: Release, earlier: Release | None, *, states: bool) -> AuditEntry:
    after = parts_of(release)
    before = {} if earlier is None else parts_of(earlier)
    parts = sorted(after if earlier is None else touched(earlier, release))
    return AuditEntry(
        generation=release.generation,
        at=release.at,
        actor=release.actor,
        action=release.action,
        reason=release.reason,
        changed=tuple(parts),
        evidence=release.evidence,
        restores=release.restores,
        states={part: States(before.get(part), after.get(part)) for part in parts} if states else None,
    )
