"""The door of the console: signing in with an API key or a token, for one tenant after the other, and out again."""

import time
from typing import Annotated
from urllib.parse import urlsplit

from litestar import Response, get, post
from litestar.params import QueryParameter, RawBody

from recsys.access import Right
from recsys.console.page import Page, at, render
from recsys.console.session import COOKIE, LASTS_S, Credential, Session
from recsys.console.visit import Form, check_origin, read_form, seal_of, session_of, to
from recsys.serving.admin import Request, aside, office_of
from recsys.serving.problems import Refusal

__all__ = ["show_sign_in", "sign_in", "sign_out"]

To = Annotated[str, QueryParameter(max_length=2_000, description="The page to go on to.")]


@get("/sign-in")
@aside
def show_sign_in(request: Request, to: To = "") -> Page:
    """Ask who it is."""
    return _asked(request, to=to)


@post("/sign-in")
@aside
def sign_in(request: Request, body: RawBody) -> Response[bytes]:
    """Let somebody in whose credentials the API would take for looking."""
    check_origin(request)
    form = read_form(body)
    onward = form.get("to", "")
    try:
        session = _with(request, form)
        cookie = seal_of(request).seal(session[0])
    except Refusal as refusal:
        return _asked(request, to=onward, problem=refusal, tenant=form.get("tenant", ""), user=form.get("user", ""))
    return _kept(request, to(onward if _is_ours(onward) else at(session[1], "health")), cookie)


@post("/sign-out")
@aside
def sign_out(request: Request, body: RawBody) -> Response[bytes]:
    """Forget who it was: for the tenant that the form names, or for every one."""
    check_origin(request)
    session, form = session_of(request), read_form(body)
    if session is not None and not seal_of(request).is_form_token(session, form.get("form_token", "")):
        raise Refusal(
            403, "NOT_OUR_FORM", "this form is not of your session", next_step="reload the page and try again"
        )
    answer = to("/console/sign-in")
    left = session.without(form["tenant"]) if session is not None and form.get("tenant") else None
    if left is not None and left.tenants:
        return _kept(request, answer, seal_of(request).seal(left))
    answer.delete_cookie(COOKIE, path="/console")
    return answer


def _kept(request: Request, answer: Response[bytes], cookie: str) -> Response[bytes]:
    """Let the browser keep who it is, for pages of the console alone."""
    answer.set_cookie(
        COOKIE,
        cookie,
        path="/console",
        httponly=True,
        samesite="lax",
        secure=_came_by_tls(request),
        max_age=LASTS_S,
    )
    return answer


def _with(request: Request, form: Form) -> tuple[Session, str]:
    """Return the session with what was shown, and the tenant it is for."""
    office, session = office_of(request), session_of(request) or Session.new(now_s=time.time())
    credential, tenant = _shown(form), form.get("tenant", "")
    if credential.kind == "dev" and not office.settings.dev_headers:
        raise Refusal(401, "NO_CREDENTIALS", "an API key or a token is needed")
    principal = office.identify(lambda name: credential.header(tenant, name), right=Right.READ)
    return session.with_credential(principal.tenant, credential), principal.tenant


def _shown(form: Form) -> Credential:
    """Tell what was typed: tokens (RFC 7519) have three parts with dots between them, and API keys none."""
    secret = form.get("credential", "").removeprefix("Bearer ").strip()
    if not secret:
        return Credential(kind="dev", secret=form.get("user") or "somebody")
    if not secret.isascii() or not secret.isprintable():
        raise Refusal(401, "BAD_KEY", "this is neither an API key nor a token")
    return Credential(kind="token" if secret.count(".") == 2 else "key", secret=secret)


def _asked(request: Request, *, to: str, problem: Refusal | None = None, tenant: str = "", user: str = "") -> Page:
    office, session = office_of(request), session_of(request)
    return render(
        "sign_in.html",
        status=problem.status if problem else 200,
        to=to if _is_ours(to) else "",
        problem=problem,
        tenant=tenant,
        user=user,
        session=session,
        form_token=seal_of(request).form_token(session) if session is not None else "",
        takes_tokens=office.settings.token_rules is not None,
        takes_anybody=office.settings.dev_headers,
    )


def _is_ours(path: str) -> bool:
    """Tell whether an address is a page of ours: whoever signs in is led nowhere else. A header has to hold it."""
    plain = path.isascii() and path.isprintable() and not {" ", "\\"} & set(path)
    return plain and path.startswith("/console/") and not urlsplit(path).netloc


def _came_by_tls(request: Request) -> bool:
    """Tell whether the browser speaks TLS, to us or to a proxy before us: then the cookie never goes without."""
    return request.headers.get("origin", "").startswith("https://") or request.url.scheme == "https"
