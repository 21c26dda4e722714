"""What this host says of itself: that it runs, how it fares, what it counted."""

from typing import Any

import msgspec
from litestar import Response, get

from recsys import __version__
from recsys.serving.admin.asking import Request, aside, office_of, said
from recsys.serving.docs_page import DOCS_HEADERS, docs_page
from recsys.serving.health import Health, look_at_host
from recsys.serving.metrics import exposition

__all__ = ["Up", "docs", "health_detailed", "healthz", "metrics", "openapi"]


class Up(msgspec.Struct, frozen=True):
    """``GET /healthz``."""

    status: str
    version: str


@get("/healthz", sync_to_thread=False, opt=said(open=True))
def healthz() -> Up:
    """Say that this process runs."""
    return Up("up", __version__)


@get("/health/detailed", opt=said(open=True))
@aside
def health_detailed(request: Request) -> Health:
    """Show every check of this host with its reason, and every tenant: generation, head, what was rejected and why."""
    office = office_of(request)
    return look_at_host(office.settings, publishing=office.publishing())


@get(
    "/metrics",
    media_type="text/plain; version=0.0.4; charset=utf-8",
    opt=said(open=True, gives=str, media="text/plain"),
)
@aside
def metrics(request: Request) -> bytes:
    """Count what all workers did, and the state of the host, for Prometheus."""
    office = office_of(request)
    return exposition(office.settings, *request.app.state.collectors, guards=office.guards)


@get("/openapi.json", opt=said(open=True))
@aside
def openapi(request: Request) -> dict[str, Any]:
    """Describe this port: OpenAPI 3.1."""
    described: dict[str, Any] = request.app.state.openapi()
    return described


@get("/docs", media_type="text/html", sync_to_thread=False, opt=said(open=True, gives=str, media="text/html"))
def docs() -> Response[bytes]:
    """Show that description to people; the page needs nothing from elsewhere."""
    return Response(docs_page(), headers=dict(DOCS_HEADERS), media_type="text/html")
