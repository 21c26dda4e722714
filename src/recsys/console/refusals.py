"""What a page says when it cannot be shown: in words, with the next step, or where to sign in."""

import logging
from urllib.parse import urlencode

from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from recsys.console.page import Page, render
from recsys.console.visit import session_of, to
from recsys.errors import RecsysError
from recsys.operations.store_away import StoreAway
from recsys.serving.admin import Request, office_of
from recsys.serving.admin.watched import request_id_of
from recsys.serving.problems import Problem, Refusal, problem_of
from recsys.store import Denied, Unavailable

__all__ = ["HANDLERS"]

_log = logging.getLogger(__name__)


def _on_refusal(request: Request, refusal: Refusal) -> Response[bytes]:
    if refusal.status == 401:
        return _sign_in_first(request)
    page = _told(request, refusal.problem(_id(request)))
    page.headers.update(refusal.headers)
    return page


def _on_error(request: Request, error: RecsysError) -> Response[bytes]:
    problem = problem_of(error, _id(request))
    if isinstance(error, Unavailable | Denied):
        return _store_away(request, problem)
    if problem.status == 500:
        _log.error("page %s failed", problem.request_id, exc_info=error)
    return _told(request, problem)


def _on_away(request: Request, away: StoreAway) -> Response[bytes]:
    return _store_away(request, problem_of(away.error, _id(request)))


def _store_away(request: Request, problem: Problem) -> Page:
    """Say that the store is away, and what still works without it."""
    named, session = request.path_params.get("tenant"), session_of(request)
    tenant = named if session is not None and named in session.tenants else None
    sent = request.method == "POST"
    template = "store_away.part.html" if _is_part(request) else "store_away.html"
    return render(template, status=503, problem=problem, session=session, tenant=tenant, sent=sent)


def _on_http(request: Request, error: HTTPException) -> Response[bytes]:
    status = 422 if error.status_code == 400 else error.status_code
    detail = "there is no such page" if status == 404 else error.detail
    if error.extra:
        detail += ": " + "; ".join(str(one) for one in error.extra)[:500]
    return _told(request, Refusal(status, "INVALID", detail).problem(_id(request)))


def _on_any(request: Request, error: Exception) -> Response[bytes]:
    _log.error("page %s failed", _id(request), exc_info=error)
    return _told(request, Refusal(500, "FAILED", "this is our mistake").problem(_id(request)))


HANDLERS: ExceptionHandlersMap = {
    RecsysError: _on_error,
    Refusal: _on_refusal,
    StoreAway: _on_away,
    HTTPException: _on_http,
    Exception: _on_any,
}


def _told(request: Request, problem: Problem) -> Page:
    template = "refused.part.html" if _is_part(request) else "refused.html"
    return render(template, status=problem.status, problem=problem, session=session_of(request))


def _sign_in_first(request: Request) -> Response[bytes]:
    """Lead to the door, and from there back to the page that was asked for."""
    back = request.headers.get("hx-current-url") if _is_part(request) else str(request.url)
    path = "/console/" + (back or "").partition("/console/")[2] if request.method == "GET" else ""
    door = "/console/sign-in" + (f"?{urlencode({'to': path})}" if path else "")
    if _is_part(request):  # a part of a page must not become the door: the whole page does
        return Response(b"", status_code=200, headers={"HX-Redirect": door}, media_type="text/html")
    return to(door)


def _is_part(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def _id(request: Request) -> str:
    return request_id_of(request.scope, office_of(request))
