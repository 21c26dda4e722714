"""The operators' port, watched: who asked for which route, how it went, and how long that took."""

import time
from collections.abc import Sequence

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import Message, Receive, Scope, Send

from recsys.serving.log_lines import About
from recsys.serving.office import Office
from recsys.serving.watching import Watch

__all__ = ["Watched", "request_id_of", "tenant_of"]


def request_id_of(scope: Scope, office: Office) -> str:
    """Return the id of a request to the operators' port: the same wherever it is asked for."""
    found: str = scope.setdefault("state", {}).setdefault("request_id", "")
    if not found:
        found = scope["state"]["request_id"] = office.request_ids.next()
    return found


class Watched:
    """The application around which each request is told of."""

    def __init__(self, app: Litestar, watch: Watch) -> None:
        self._app, self._watch = app, watch
        self._office: Office = app.state.office

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and tell of it when it has been answered."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        status, size = None, 0

        async def seen_out(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        request_id = request_id_of(scope, self._office)
        seen = self._watch.begin(request_id, time.perf_counter(), _parents(scope))
        try:
            await self._app(scope, receive, seen_out)
        finally:
            about = About(
                request_id=request_id,
                tenant=tenant_of(scope, self._office),
                method=scope["method"],
                route=scope.get("path_template"),
                status=status,
                bytes=size,
            )
            self._watch.end(seen, about)


def tenant_of(scope: Scope, office: Office) -> str | None:
    """Return the tenant of a path, if there is one of that name: others are what somebody typed."""
    named = scope.get("path_params", {}).get("tenant")
    return named if named in office.directory().tenants else None


def _parents(scope: Scope) -> Sequence[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"]
