"""What every page shares: who looks at which tenant, and the page that comes of it."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from litestar import Response

from recsys.access import Directory, Principal, Right
from recsys.console.page import Page, render
from recsys.console.session import COOKIE, Seal, Session
from recsys.operations.here import Here
from recsys.operations.looking import here_of
from recsys.releases import Releases
from recsys.serving.admin import Request, office_of
from recsys.serving.office import Office
from recsys.serving.problems import Refusal
from recsys.store import Store

__all__ = ["Form", "Visit", "check_origin", "ordered", "read_form", "seal_of", "session_of", "to", "visiting"]

Form = Mapping[str, str]
"""What was filled in, by the names of the fields; spaces around it are gone."""

_MOST_FIELDS = 200


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One look at one tenant by somebody who may look."""

    request: Request
    session: Session
    principal: Principal

    @property
    def tenant(self) -> str:
        return self.principal.tenant

    @property
    def office(self) -> Office:
        return office_of(self.request)

    @functools.cached_property
    def releases(self) -> Releases:
        """The tenant's releases; whoever looks is who changes them."""
        return self.office.releases(self.principal)

    def may(self, right: Right) -> bool:
        """Tell whether who looks has a right."""
        return self.principal.may(right)

    @property
    def may_see_states(self) -> bool:
        """Tell whether who looks may see the values of what changed, before and after."""
        return self.may(Right.READ_STATES)

    @property
    def may_change(self) -> bool:
        """Tell whether who looks may pull levers."""
        return self.may(Right.CHANGE)

    def named(self, actor: str) -> str:
        """Name who did something: of one of the tenant's keys, its label beside its id."""
        key = self._directory.keys.get(actor)
        return f"{key.label} ({actor})" if key is not None and key.tenant == self.tenant and key.label else actor

    @functools.cached_property
    def _directory(self) -> Directory:
        """The tenants and keys, read once: a page names many who did something."""
        return self.office.directory()

    def store(self) -> Store:
        """Open the store; raises what :func:`recsys.store.open_store` does."""
        return self.office.store()

    def here(self) -> Here:
        """Look at this host as far as it is the tenant's business."""
        return here_of(self.office, self.tenant)

    def page(self, template: str, *, here: str, status: int = 200, **facts: Any) -> Page:
        """Make a whole page; ``here`` is its name in the navigation."""
        return render(template, status=status, here=here, **self._shared(), **facts)

    def fragment(self, template: str, *, status: int = 200, **facts: Any) -> Page:
        """Make a part of a page, for a page that asks for it."""
        return render(template, status=status, **self._shared(), **facts)

    def _shared(self) -> dict[str, Any]:
        return {"visit": self, "session": self.session, "form_token": seal_of(self.request).form_token(self.session)}


def visiting(request: Request, tenant: str, *, right: Right = Right.READ) -> Visit:
    """Let somebody in who is signed in for the tenant and has the right.

    Raises
    ------
    Refusal
        401 for who is not signed in, and what the API answers to the same credentials.
    """
    session = session_of(request)
    if session is None or tenant not in session.credentials:
        raise Refusal(401, "NO_CREDENTIALS", f"you are not signed in for tenant {tenant[:64]}")
    principal = office_of(request).admit(session.headers(tenant), tenant=tenant, right=right)
    return Visit(request=request, session=session, principal=principal)


def ordered(request: Request, tenant: str, body: bytes, *, right: Right = Right.CHANGE) -> tuple[Visit, Form]:
    """Take an order from a form of ours: as :func:`visiting`, and only what was sent from a page of this session."""
    check_origin(request)
    visit, form = visiting(request, tenant, right=right), read_form(body)
    if not seal_of(request).is_form_token(visit.session, form.get("form_token", "")):
        raise Refusal(
            403, "NOT_OUR_FORM", "this form is not of your session", next_step="reload the page and try again"
        )
    return visit, form


def check_origin(request: Request) -> None:
    """Refuse what another site's page sends; raises :class:`~recsys.serving.problems.Refusal`.

    Browsers say it in ``Sec-Fetch-Site``, older ones in ``Origin``.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        ours = site == "same-origin"
    else:
        ours = origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
    if not ours:
        raise Refusal(403, "NOT_OUR_FORM", "another site sent this form", next_step="open the console and try again")


def read_form(body: bytes) -> Form:
    """Read an ``application/x-www-form-urlencoded`` body; of a field that is there twice, the last counts."""
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Refusal(400, "BAD_FORM", "this form cannot be read") from None
    return {name: value.replace("\r\n", "\n").strip() for name, value in fields}


def session_of(request: Request) -> Session | None:
    """Return who is signed in."""
    cookie = request.cookies.get(COOKIE)
    return seal_of(request).open(cookie) if cookie else None


def seal_of(request: Request) -> Seal:
    """Return what seals the sessions of this process."""
    state = request.app.state
    if "seal" not in state:
        state.seal = Seal(office_of(request).places.root / "console.key")
    seal: Seal = state.seal
    return seal


def to(path: str) -> Response[bytes]:
    """Go to another page, after a form was taken."""
    return Response(b"", status_code=303, headers={"Location": path}, media_type="text/html")
