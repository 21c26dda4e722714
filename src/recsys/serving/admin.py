"""The operators' port: health, metrics and the levers. A process of its own, free to be slow."""

import asyncio
import logging
import os
import signal
import uuid
from typing import Annotated, Any, Literal

import msgspec
import uvloop
from granian.constants import Interfaces
from litestar import Litestar, MediaType, Request, Response, delete, get, post, put
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody

from recsys import __version__
from recsys.access import AccessBroken, Directory, Principal, Right
from recsys.errors import RecsysError
from recsys.releases import Attempt, Change, Lever, Release, Releases, create_tenant
from recsys.serving.credentials import identify
from recsys.serving.health import Health, look_at_host
from recsys.serving.host_state import Places
from recsys.serving.metrics import exposition
from recsys.serving.problems import Problem, Refusal, problem_of
from recsys.serving.role import Role, begin
from recsys.serving.server import on_shared_socket
from recsys.serving.settings import Settings
from recsys.store import Store, open_store

__all__ = ["admin_app", "main"]

_log = logging.getLogger(__name__)
_AT_ONCE = 64
"""Operators are few; what is more waits."""
_PROBLEM = "application/problem+json"


class _Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: str = ""
    dry_run: bool = False


class NewTenant(_Words, frozen=True):
    """``POST /v1/admin/tenants``."""

    name: str


class RollbackOrder(_Words, frozen=True):
    """``POST …/rollback``: the words of ``recsys releases rollback``."""

    lever: Lever
    surface: str | None = None
    to: int | None = None
    further: bool = False
    no_hold: bool = False


class UndoOrder(_Words, frozen=True):
    """``POST …/undo``: take back ``generation``, by default the newest that can be."""

    generation: int | None = None


class HoldOrder(_Words, frozen=True):
    """``POST`` and ``DELETE …/hold``."""

    surface: str | None = None
    levers: tuple[Literal["config", "rules", "artifacts"], ...] | None = None


class _Office:
    """What the handlers share: settings, the store when it can be opened, and who may come in."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.places = Places(settings.host_path)
        self._store: Store | None = None

    def store(self) -> Store:
        if self._store is None:
            self._store = open_store(self.settings.store, create=False)
        return self._store

    def admit(self, request: "_Request", *, tenant: str, right: Right) -> Principal:
        """Return who asks, if they may do this to this tenant."""
        principal = identify(request.headers.get, self._directory(), right=right, dev_headers=self.settings.dev_headers)
        if principal.tenant != tenant:
            raise Refusal(403, "TENANT_MISMATCH", f"these credentials are not for tenant {tenant[:64]}")
        return principal

    def releases(self, principal: Principal) -> Releases:
        return Releases(self.store(), principal.tenant, actor=principal.key_id)

    def _directory(self) -> Directory:
        try:
            return Directory.decode(self.places.access.read_bytes())
        except (OSError, AccessBroken):
            return Directory()


_Request = Request[Any, Any, State]
_Match = Annotated[str | None, HeaderParameter(name="If-Match")]
_Key = Annotated[str | None, HeaderParameter(name="Idempotency-Key")]


def _office(request: _Request) -> _Office:
    office: _Office = request.app.state.office
    return office


@get("/healthz", sync_to_thread=False)
def healthz() -> dict[str, str]:
    """Say that this process runs."""
    return {"status": "up", "version": __version__}


@get("/health/detailed", sync_to_thread=True)
def health_detailed(request: _Request) -> Health:
    """Every check of this host with its reason."""
    return look_at_host(_office(request).settings)


@get("/metrics", media_type="text/plain; version=0.0.4; charset=utf-8", sync_to_thread=True)
def metrics(request: _Request) -> bytes:
    """Counters of all workers, for Prometheus."""
    return exposition(_office(request).settings)


@get("/v1/admin/tenants", sync_to_thread=True)
def list_tenants(request: _Request) -> dict[str, list[str]]:
    """The tenants these credentials are for: one; with development headers asked for and no key, all."""
    office = _office(request)
    directory = office._directory()
    if office.settings.dev_headers and not request.headers.get("x-api-key"):
        return {"tenants": sorted(directory.tenants)}
    principal = identify(request.headers.get, directory, right=Right.READ, dev_headers=False)
    return {"tenants": [principal.tenant]}


@post("/v1/admin/tenants", sync_to_thread=True)
def make_tenant(request: _Request, data: JSONBody[NewTenant]) -> dict[str, Any]:
    """Make a tenant. A key belongs to a tenant, so this takes development headers, or the command line."""
    office = _office(request)
    user = request.headers.get("x-dev-user-id")
    if not (office.settings.dev_headers and user):
        raise Refusal(403, "FORBIDDEN", "tenants are made on the host", next_step="recsys tenants create NAME")
    change = create_tenant(
        office.store(), data.name, actor=f"dev:{user[:64]}", reason=data.reason, dry_run=data.dry_run
    )
    return change.document()


@get("/v1/admin/tenants/{tenant:str}/config")
async def show_config(request: _Request, tenant: FromPath[str]) -> Response[bytes]:
    """The config document in force; its ``ETag`` is what ``If-Match`` takes."""
    return await asyncio.to_thread(_document, request, tenant, "config")


@get("/v1/admin/tenants/{tenant:str}/rules")
async def show_rules(request: _Request, tenant: FromPath[str]) -> Response[bytes]:
    """The rules document in force; its ``ETag`` is what ``If-Match`` takes."""
    return await asyncio.to_thread(_document, request, tenant, "rules")


@put("/v1/admin/tenants/{tenant:str}/config")
async def put_config(
    request: _Request, tenant: FromPath[str], if_match: _Match = None, key: _Key = None
) -> dict[str, Any]:
    """Put a config document in force."""
    return await _put(request, tenant, "config", if_match, key)


@put("/v1/admin/tenants/{tenant:str}/rules")
async def put_rules(
    request: _Request, tenant: FromPath[str], if_match: _Match = None, key: _Key = None
) -> dict[str, Any]:
    """Put a rules document in force."""
    return await _put(request, tenant, "rules", if_match, key)


@get("/v1/admin/tenants/{tenant:str}/releases", sync_to_thread=True)
def list_releases(
    request: _Request, tenant: FromPath[str], limit: FromQuery[int] = 50, before: FromQuery[int | None] = None
) -> dict[str, Any]:
    """Releases, newest first."""
    principal = _office(request).admit(request, tenant=tenant, right=Right.READ)
    page = _office(request).releases(principal).list(limit=limit, before=before)
    return {"releases": page.releases, "next": page.next}


@get("/v1/admin/tenants/{tenant:str}/releases/{generation:int}", sync_to_thread=True)
def show_release(request: _Request, tenant: FromPath[str], generation: FromPath[int]) -> Release:
    """One release."""
    principal = _office(request).admit(request, tenant=tenant, right=Right.READ)
    return _office(request).releases(principal).read(generation)


@post("/v1/admin/tenants/{tenant:str}/rollback", status_code=200, sync_to_thread=True)
def rollback(
    request: _Request, tenant: FromPath[str], data: JSONBody[RollbackOrder], key: _Key = None
) -> dict[str, Any]:
    """Pull a lever."""
    return (
        _pull(request, tenant)
        .rollback(
            data.lever,
            surface=data.surface,
            to=data.to,
            further=data.further,
            no_hold=data.no_hold,
            reason=data.reason,
            dry_run=data.dry_run,
            attempt=_attempt(key),
        )
        .document()
    )


@post("/v1/admin/tenants/{tenant:str}/undo", status_code=200, sync_to_thread=True)
def undo(request: _Request, tenant: FromPath[str], data: JSONBody[UndoOrder], key: _Key = None) -> dict[str, Any]:
    """Take one change back."""
    releases = _pull(request, tenant)
    return releases.undo(data.generation, reason=data.reason, dry_run=data.dry_run, attempt=_attempt(key)).document()


@post("/v1/admin/tenants/{tenant:str}/hold", status_code=200, sync_to_thread=True)
def hold(request: _Request, tenant: FromPath[str], data: JSONBody[HoldOrder], key: _Key = None) -> dict[str, Any]:
    """Stop shipping."""
    return (
        _pull(request, tenant)
        .hold(surface=data.surface, levers=data.levers, reason=data.reason, dry_run=data.dry_run, attempt=_attempt(key))
        .document()
    )


@delete("/v1/admin/tenants/{tenant:str}/hold", status_code=200, sync_to_thread=True)
def resume(
    request: _Request,
    tenant: FromPath[str],
    *,
    surface: FromQuery[str | None] = None,
    levers: FromQuery[str | None] = None,
    reason: FromQuery[str] = "",
    key: _Key = None,
) -> dict[str, Any]:
    """Lift the hold of exactly this scope; ``levers`` as a list with commas."""
    chosen = levers.split(",") if levers else None
    return (
        _pull(request, tenant).resume(surface=surface, levers=chosen, reason=reason, attempt=_attempt(key)).document()
    )


@post("/v1/admin/tenants/{tenant:str}/refresh", status_code=202, sync_to_thread=True)
def refresh(request: _Request, tenant: FromPath[str]) -> dict[str, str]:
    """Follow the head now, also one that was rejected a moment ago."""
    office = _office(request)
    office.admit(request, tenant=tenant, right=Right.CHANGE)
    office.places.refresh.touch()
    return {"status": "asked"}


def _pull(request: _Request, tenant: str) -> Releases:
    office = _office(request)
    return office.releases(office.admit(request, tenant=tenant, right=Right.CHANGE))


def _attempt(key: str | None) -> Attempt | None:
    return None if key is None else Attempt.of_key(key)


def _document(request: _Request, tenant: str, part: Literal["config", "rules"]) -> Response[bytes]:
    office = _office(request)
    principal = office.admit(request, tenant=tenant, right=Right.READ)
    head = office.releases(principal).current()
    digest = head.config if part == "config" else head.rules
    return Response(
        office.store().blobs.read(tenant, digest),
        media_type=MediaType.JSON,
        headers={"ETag": f'"{head.generation}:{digest}"'},
    )


async def _put(
    request: _Request, tenant: str, part: Literal["config", "rules"], if_match: str | None, key: str | None
) -> dict[str, Any]:
    body = await request.body()
    reason = request.query_params.get("reason", "")

    def change() -> Change:
        releases = _pull(request, tenant)
        change_it = releases.put_config if part == "config" else releases.put_rules
        return change_it(body, expect=if_match, reason=reason, attempt=_attempt(key))

    return (await asyncio.to_thread(change)).document()


def admin_app(settings: Settings) -> Litestar:
    """Return the ASGI application."""
    return Litestar(
        route_handlers=[
            healthz,
            health_detailed,
            metrics,
            list_tenants,
            make_tenant,
            show_config,
            put_config,
            show_rules,
            put_rules,
            list_releases,
            show_release,
            rollback,
            undo,
            hold,
            resume,
            refresh,
        ],
        state=State({"office": _Office(settings)}),
        exception_handlers={RecsysError: _on_error, Refusal: _on_refusal, HTTPException: _on_http, Exception: _on_any},
        openapi_config=OpenAPIConfig(title="RecSys operators", version=__version__, path="/openapi"),
        request_max_body_size=settings.max_body_bytes,
        debug=False,
    )


def _answer(problem: Problem) -> Response[Problem]:
    return Response(problem, status_code=problem.status, media_type=_PROBLEM)


def _on_error(_: _Request, error: RecsysError) -> Response[Problem]:
    return _answer(problem_of(error, _request_id()))


def _on_refusal(_: _Request, refusal: Refusal) -> Response[Problem]:
    return _answer(refusal.problem(_request_id()))


def _on_http(_: _Request, error: HTTPException) -> Response[Problem]:
    status = 422 if error.status_code == 400 else error.status_code
    detail = error.detail
    if error.extra:
        detail += ": " + "; ".join(str(one) for one in error.extra)[:500]
    code = {404: "NO_ROUTE", 405: "METHOD", 413: "TOO_LARGE"}.get(status, "INVALID")
    return _answer(Refusal(status, code, detail).problem(_request_id()))


def _on_any(request: _Request, error: Exception) -> Response[Problem]:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _answer(Refusal(500, "FAILED", "this is our mistake").problem(_request_id()))


def _request_id() -> str:
    return str(uuid.uuid4())


async def _serve(role: Role) -> None:
    server = on_shared_socket(
        admin_app(role.settings),
        listening=role.socket,
        interface=Interfaces.ASGI,
        backpressure=_AT_ONCE,
        drain_s=2.0,
    )
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    serving = asyncio.ensure_future(server.serve())
    while not ended.is_set() and os.getppid() == role.parent and not serving.done():
        try:
            await asyncio.wait_for(ended.wait(), 0.5)
        except TimeoutError:
            pass
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait((serving,), timeout=2.0)


def main() -> None:
    """Serve operators until told to stop, or until the supervisor is gone."""
    uvloop.run(_serve(begin()))


if __name__ == "__main__":
    main()
