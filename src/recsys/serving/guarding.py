"""What every reply tells browsers, and which pages of others may ask us."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from recsys.encoding import Invalid
from recsys.serving.credentials import Headers

__all__ = ["GUARD", "PAGE_GUARD", "Cors", "guard_message"]

GUARD = (("x-content-type-options", "nosniff"), ("cache-control", "no-store"), ("referrer-policy", "no-referrer"))
"""On every reply of both ports: it is what it says it is, it is kept nowhere, and links from it do not tell where
from.
"""
PAGE_GUARD = (
    (
        "content-security-policy",
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("x-frame-options", "DENY"),
)
"""On pages besides: nothing from elsewhere runs in them, and no other page puts them into a frame."""

_PREFLIGHT = (
    ("access-control-allow-methods", "GET, POST"),
    ("access-control-allow-headers", "authorization, content-type, x-api-key, x-org-id, x-request-id"),
    ("access-control-max-age", "600"),
)
_EXPOSED = ("access-control-expose-headers", "retry-after, x-request-id")
_VARY = ("vary", "origin")


def guard_message(message: Mapping[str, Any]) -> None:
    """Add to the head of an ASGI reply what it does not say itself."""
    if message["type"] != "http.response.start":
        return
    headers: list[tuple[bytes, bytes]] = message["headers"]
    there = {name.lower(): value for name, value in headers}
    page = there.get(b"content-type", b"").startswith(b"text/html")
    for name, value in (*GUARD, *(PAGE_GUARD if page else ())):
        if name.encode() not in there:
            headers.append((name.encode(), value.encode()))


class Cors:
    """Lets pages of other origins ask the product's port. They send keys themselves: no cookie is ever taken."""

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = origins

    @staticmethod
    def of(origins: tuple[str, ...]) -> "Cors | None":
        """Return it for a list of origins; ``None`` for an empty one. Raises :class:`~recsys.encoding.Invalid`."""
        for origin in origins:
            where = urlsplit(origin)
            if origin != f"{where.scheme}://{where.netloc}" or where.scheme not in ("http", "https"):
                raise Invalid(
                    "CORS", f"{origin[:80]!r} is not an origin", suggestion="write it as https://shop.example"
                )
        return Cors(frozenset(origins)) if origins else None

    def headers(self, method: str, header: Headers) -> tuple[tuple[str, str], ...]:
        """Return what to add to a reply. Who is not allowed is told nothing, and the browser keeps the answer back."""
        origin = header("origin")
        if origin not in self._origins:
            return (_VARY,)
        allowed = (("access-control-allow-origin", origin), _VARY)
        return (*allowed, *_PREFLIGHT) if method == "OPTIONS" else (*allowed, _EXPOSED)
