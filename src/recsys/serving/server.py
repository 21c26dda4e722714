"""Granian in this process, on a socket that the supervisor listens on."""

from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

__all__ = ["on_shared_socket"]

_BACKLOG = 2048


class _OnSharedSocket(Server):
    """Takes a listening socket instead of making one.

    One socket for all workers, so that connections waiting to be accepted outlive a worker that is killed;
    with SO_REUSEPORT each worker has a queue of its own, which dies with it.
    """

    listening: int

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = SocketHolder(self.listening, False, _BACKLOG)  # type: ignore[call-arg,assignment]


def on_shared_socket(app: Any, *, listening: int, interface: Interfaces, connections: int, drain_s: float) -> Server:
    """Return a server to be awaited with ``serve()`` and ended with ``stop()``.

    Parameters
    ----------
    listening
        The descriptor of a listening socket.
    connections
        Most that are open at once, idle ones included; what comes on top waits in the kernel, unheard.
    """
    server = _OnSharedSocket(
        app,
        interface=interface,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=connections,
        log_enabled=False,
    )
    server.listening = listening
    server.workers_kill_timeout = max(1, int(drain_s))
    return server
