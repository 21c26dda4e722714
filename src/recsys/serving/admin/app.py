"""The operators' port as one application: every route, and how errors are told."""

import difflib
import functools
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

from litestar import Litestar, Response, Router
from litestar.datastructures import State
from litestar.exceptions import HTTPException, MethodNotAllowedException
from litestar.handlers import HTTPRouteHandler
from litestar.types import Message, Scope
from prometheus_client.registry import Collector

from recsys.errors import RecsysError
from recsys.serving.admin.asking import Request, office_of
from recsys.serving.admin.candidates import abort_candidate, promote, show_candidates, start_candidate
from recsys.serving.admin.described import describe_operators
from recsys.serving.admin.documents import put_config, put_rules, show_config, show_rules
from recsys.serving.admin.host import docs, health_detailed, healthz, metrics, openapi
from recsys.serving.admin.items import restore_items, update_items, withdraw_items
from recsys.serving.admin.levers import hold, resume, rollback, undo
from recsys.serving.admin.profile import profile_worker
from recsys.serving.admin.releases import list_releases, show_audit, show_release
from recsys.serving.admin.tenants import list_tenants, make_tenant, refresh
from recsys.serving.admin.watched import request_id_of, tenant_of
from recsys.serving.credentials import ONCE, only
from recsys.serving.guarding import guard_message
from recsys.serving.log_lines import about
from recsys.serving.office import Office
from recsys.serving.problems import Problem, Refusal, problem_of
from recsys.serving.settings import Settings

__all__ = ["ROUTES", "admin_app"]

_log = logging.getLogger(__name__)
_PROBLEM = "application/problem+json"

ROUTES: tuple[HTTPRouteHandler, ...] = (
    healthz,
    health_detailed,
    metrics,
    openapi,
    docs,
    list_tenants,
    make_tenant,
    show_config,
    put_config,
    show_rules,
    put_rules,
    update_items,
    withdraw_items,
    restore_items,
    list_releases,
    show_release,
    show_audit,
    rollback,
    undo,
    hold,
    resume,
    show_candidates,
    start_candidate,
    abort_candidate,
    promote,
    refresh,
    profile_worker,
)


def admin_app(
    settings: Settings,
    *,
    more: Sequence[HTTPRouteHandler] = (),
    pages: Sequence[Router] = (),
    figures: Sequence[Callable[[Office], Collector]] = (),
) -> Litestar:
    """Return the ASGI application; ``more`` are the routes, ``figures`` the metrics of rooms that stand above.

    ``pages`` are for people: no part of the API that is described, and their refusals are theirs to tell.
    """
    routes = [*ROUTES, *more]
    office = Office(settings)
    collectors = tuple(made(office) for made in figures)
    described = functools.cache(lambda: describe_operators(routes))
    return Litestar(
        route_handlers=[*routes, *pages],
        state=State({"office": office, "openapi": described, "collectors": collectors, "pages": tuple(pages)}),
        exception_handlers={RecsysError: _on_error, Refusal: _on_refusal, HTTPException: _on_http, Exception: _on_any},
        openapi_config=None,
        logging_config=None,  # ours was set up when the process began, and theirs would stand in its place
        before_request=functools.partial(_before, _methods(routes)),
        before_send=[_guard],
        request_max_body_size=settings.max_body_bytes,
        debug=False,
    )


def _methods(routes: Sequence[HTTPRouteHandler]) -> dict[str, str]:
    methods: dict[str, set[str]] = {}
    for route in routes:
        for path in route.paths:
            template = re.sub(r":[a-z]+}", "}", path)
            methods.setdefault(template, {"OPTIONS"}).update(route.http_methods)
    return {path: ", ".join(sorted(taken)) for path, taken in methods.items()}


async def _before(methods: dict[str, str], request: Request) -> Response[None] | None:
    """Answer OPTIONS with all methods of a path, of which Litestar names those of the handler it met first.

    It is a coroutine because Litestar would run a function in a thread: for every request, ``/healthz`` too.
    """
    if request.method == "OPTIONS":
        allowed = methods.get(request.scope["path_template"], "GET, OPTIONS, POST")
        return Response(None, status_code=204, headers={"Allow": allowed})
    for name in ONCE:
        only(name, request.headers.getall(name, []))
    _check_query(request)
    return None


async def _guard(message: Message, _scope: Scope) -> None:
    guard_message(message)


def _check_query(request: Request) -> None:
    """Refuse a name in the query that the route does not know: a misspelt `before` would show the wrong page. And a
    `null`, which Litestar takes for left out: a hold of one surface would become one of all.
    """
    known = {name for name in request.route_handler.parsed_fn_signature.parameters if name not in _OURS}
    for name in request.query_params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            step = f"did you mean `{near[0]}`?" if near else ""
            raise Refusal(422, "INVALID", f"query: `{name[:80]}` is not known here", next_step=step)
        if name != "reason" and request.query_params[name] in ("", "null") and not _pages_of(request):
            raise Refusal(422, "INVALID", f"query: `{name}` has no value", next_step="leave it out, or say one")


_OURS = frozenset(("request", "body", "tenant", "generation", "request_id", "key", "if_match"))
"""Parameters of handlers that come from elsewhere than the query."""


def _pages_of(request: Request) -> Router | None:
    """Return the pages among which a path lies. Their forms send what was left empty as an empty value."""
    found: Router | None = next(
        (one for one in request.app.state.pages if request.url.path.startswith(f"{one.path}/")), None
    )
    return found


def _answer(problem: Problem, **headers: str) -> Response[Problem]:
    return Response(problem, status_code=problem.status, media_type=_PROBLEM, headers=headers)


def _on_error(request: Request, error: RecsysError) -> Response[Problem]:
    problem = problem_of(error, _id(request))
    if problem.status == 500:
        _say_failed(request, error)
    return _answer(problem)


def _on_refusal(request: Request, refusal: Refusal) -> Response[Problem]:
    return _answer(refusal.problem(_id(request)), **dict(refusal.headers))


def _on_http(request: Request, error: HTTPException) -> Response[Any]:
    """Tell what Litestar found: of a 400 it is the parameters, for bodies are read by :func:`asking.order`.

    A page that is not there is told by the pages it is not among; no route leads to their handlers.
    """
    pages = _pages_of(request)
    if pages is not None:
        told: Response[Any] = pages.exception_handlers[HTTPException](request, error)
        return told
    status = 422 if error.status_code == 400 else error.status_code
    detail = error.detail
    if error.extra:
        detail += ": " + "; ".join(str(one) for one in error.extra)[:500]
    code = {404: "NO_ROUTE", 405: "METHOD", 413: "TOO_LARGE"}.get(status, "INVALID")
    headers = dict(error.headers or {}) if isinstance(error, MethodNotAllowedException) else {}
    return _answer(Refusal(status, code, detail).problem(_id(request)), **headers)


def _on_any(request: Request, error: Exception) -> Response[Problem]:
    _say_failed(request, error)
    return _answer(Refusal(500, "FAILED", "this is our mistake").problem(_id(request)))


def _say_failed(request: Request, error: Exception) -> None:
    more = about(request_id=_id(request), tenant=tenant_of(request.scope, office_of(request)))
    _log.error("request %s failed", _id(request), exc_info=error, extra=more)


def _id(request: Request) -> str:
    return request_id_of(request.scope, office_of(request))
