"""The two documents of a tenant, read and replaced whole."""

from typing import Literal

from litestar import MediaType, Response, get, put
from litestar.params import RawBody

from recsys.documents import Config, Rules
from recsys.documents.config import MAX_BYTES as MAX_CONFIG_BYTES
from recsys.documents.rules import MAX_BYTES as MAX_RULES_BYTES
from recsys.serving.admin.asking import (
    DryRun,
    Key,
    Match,
    Reason,
    Request,
    Tenant,
    aside,
    attempt_of,
    given,
    pull,
    said,
    see,
)
from recsys.serving.admin.orders import Changed, changed
from recsys.serving.problems import Refusal

__all__ = ["put_config", "put_rules", "show_config", "show_rules"]

_ETAG = {"ETag": 'The version: `"<generation>:<digest>"`, of which `If-Match` refuses any other.'}


@get("/v1/admin/tenants/{tenant:str}/config", opt=said(gives=Config, headers=_ETAG))
@aside
def show_config(request: Request, tenant: Tenant) -> Response[bytes]:
    """Show the config document in force."""
    return _shown(request, tenant, "config")


@get("/v1/admin/tenants/{tenant:str}/rules", opt=said(gives=Rules, headers=_ETAG))
@aside
def show_rules(request: Request, tenant: Tenant) -> Response[bytes]:
    """Show the rules document in force."""
    return _shown(request, tenant, "rules")


@put(
    "/v1/admin/tenants/{tenant:str}/config",
    request_max_body_size=MAX_CONFIG_BYTES,
    opt=said(takes=Config),
)
@aside
def put_config(
    request: Request,
    tenant: Tenant,
    body: RawBody,
    *,
    if_match: Match = None,
    key: Key = None,
    reason: Reason = "",
    dry_run: DryRun = False,
) -> Changed:
    """Put a config document in force."""
    releases = pull(request, tenant)
    _check_json(body)
    return changed(releases.put_config(body, expect=if_match, reason=reason, dry_run=dry_run, attempt=attempt_of(key)))


@put(
    "/v1/admin/tenants/{tenant:str}/rules",
    request_max_body_size=MAX_RULES_BYTES,
    opt=said(takes=Rules),
)
@aside
def put_rules(
    request: Request,
    tenant: Tenant,
    body: RawBody,
    *,
    if_match: Match = None,
    key: Key = None,
    reason: Reason = "",
    dry_run: DryRun = False,
) -> Changed:
    """Put a rules document in force."""
    releases = pull(request, tenant)
    _check_json(body)
    return changed(releases.put_rules(body, expect=if_match, reason=reason, dry_run=dry_run, attempt=attempt_of(key)))


def _check_json(body: bytes) -> None:
    problem: Refusal | None = given(body)
    if problem is not None:
        raise problem


def _shown(request: Request, tenant: str, part: Literal["config", "rules"]) -> Response[bytes]:
    _, releases = see(request, tenant)
    head = releases.current()
    digest = head.config if part == "config" else head.rules
    return Response(
        releases.store.blobs.read(tenant, digest),
        media_type=MediaType.JSON,
        headers={"ETag": f'"{head.generation}:{digest}"'},
    )
