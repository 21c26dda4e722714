"""Tenants: which there are, and a new one."""

import msgspec
from litestar import get, post
from litestar.params import RawBody

from recsys.access import Right
from recsys.releases import create_tenant
from recsys.serving.admin.asking import Request, Tenant, aside, office_of, order, said
from recsys.serving.admin.orders import Changed, NewTenant, changed
from recsys.serving.problems import Refusal

__all__ = ["Asked", "Tenants", "list_tenants", "make_tenant", "refresh"]


class Tenants(msgspec.Struct, frozen=True):
    """``GET /v1/admin/tenants``."""

    tenants: tuple[str, ...]


class Asked(msgspec.Struct, frozen=True):
    """``POST …/refresh``."""

    status: str


@get("/v1/admin/tenants")
@aside
def list_tenants(request: Request) -> Tenants:
    """List the tenants these credentials are for: one; with development headers asked for and no key, all."""
    office = office_of(request)
    if office.settings.dev_headers and not any(request.headers.get(name) for name in ("x-api-key", "authorization")):
        return Tenants(tuple(sorted(office.directory().tenants)))
    return Tenants((office.identify(request.headers.get, right=Right.READ).tenant,))


@post("/v1/admin/tenants", opt=said(takes=NewTenant))
@aside
def make_tenant(request: Request, body: RawBody) -> Changed:
    """Make a tenant; one that is there already stays as it is. A key belongs to a tenant, so this takes development
    headers, or the command line.
    """
    office = office_of(request)
    user = request.headers.get("x-dev-user-id")
    if not (office.settings.dev_headers and user):
        raise Refusal(403, "FORBIDDEN", "tenants are made on the host", next_step="recsys tenants create NAME")
    data = order(body, NewTenant)
    return changed(
        create_tenant(office.store(), data.name, actor=f"dev:{user[:64]}", reason=data.reason, dry_run=data.dry_run)
    )


@post("/v1/admin/tenants/{tenant:str}/refresh", status_code=202)
@aside
def refresh(request: Request, tenant: Tenant) -> Asked:
    """Follow the head now, also one that was rejected a moment ago."""
    office = office_of(request)
    office.admit(request.headers.get, tenant=tenant, right=Right.CHANGE)
    office.places.refresh.touch()
    return Asked("asked")
