"""The process that operators talk to."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence

import uvloop
from granian.constants import Interfaces
from litestar import Litestar, Router
from litestar.handlers import HTTPRouteHandler
from prometheus_client.registry import Collector

from recsys.serving.admin.app import admin_app
from recsys.serving.admin.watched import Watched
from recsys.serving.office import Office
from recsys.serving.role import Role
from recsys.serving.server import on_shared_socket
from recsys.serving.tracing import open_tracing
from recsys.serving.watching import watch_of

__all__ = ["serve_operators"]

_AT_ONCE = 64
"""Operators are few; what is more waits."""


def serve_operators(
    role: Role,
    *,
    more: Sequence[HTTPRouteHandler] = (),
    pages: Sequence[Router] = (),
    figures: Sequence[Callable[[Office], Collector]] = (),
) -> None:
    """Serve operators until told to stop, or until the supervisor is gone. ``more``, ``pages``, ``figures``: see
    :func:`admin_app`.
    """
    uvloop.run(_serve(role, admin_app(role.settings, more=more, pages=pages, figures=figures)))


async def _serve(role: Role, app: Litestar) -> None:
    spans = open_tracing(role.settings, process=role.name)
    routes = {path for route in app.routes for path in (route.path_format,)}
    watch = watch_of(role.settings, spans, routes=routes)
    server = on_shared_socket(
        app if watch is None else Watched(app, watch),
        listening=role.socket,
        interface=Interfaces.ASGI,
        connections=_AT_ONCE,
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
    if spans is not None:
        spans.close()
