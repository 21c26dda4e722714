"""A process that answers: Granian around a desk, on the socket its supervisor listens on.

RSGI, raw: measured here against raw ASGI (docs/adr). The loop does everything but two things that may hang:
the recorders' writes have threads of their own.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from typing import Any, Protocol

import uvloop
from granian.constants import Interfaces

from recsys.events import Spool
from recsys.serving.clock import since_boot
from recsys.serving.counters import Counters, read_counters
from recsys.serving.desk import ROUTES, Desk
from recsys.serving.hearing import LET_PASS, let_pass
from recsys.serving.host_state import Places
from recsys.serving.hosted import Hosted
from recsys.serving.problems import Refusal
from recsys.serving.profiling import Profiling
from recsys.serving.readiness import Readiness
from recsys.serving.recording import Recorder
from recsys.serving.role import Role, begin
from recsys.serving.server import on_shared_socket
from recsys.serving.tail import Standing, Tail
from recsys.serving.telling import Telling
from recsys.serving.tracing import open_tracing
from recsys.serving.watching import watch_of

__all__ = ["main"]

_log = logging.getLogger(__name__)

_SWITCH_S = 0.0005
"""How long a busy loop may keep a recorder's thread waiting for the interpreter: three times a batch, so Python's own
5 ms would eat most of an answer's patience for the disk. Throughput was the same at both."""

_CONNECTIONS = 65_536
"""Clients keep theirs open between requests: a bound that idle ones can reach would shut out ``/healthz`` too."""

_BODY_S = 10.0
"""Longest a client may take to send its body: slow ones must not hold the places of others."""


class _Headers(Protocol):
    def get(self, key: str, default: None = None) -> str | None: ...
    def get_all(self, key: str) -> list[str]: ...


class _Scope(Protocol):
    proto: str
    method: str
    path: str
    headers: _Headers


class Worker:
    """The RSGI application."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self._settings = settings = role.settings
        self._places = Places(settings.host_path)
        self._hosted = Hosted(self._places, run=role.run)
        self._counters = Counters(self._places.counters / f"{role.name}.cells")
        self._tick_cell = self._counters.cell("recsys_worker_tick", {"worker": role.name})
        self._bodies: dict[asyncio.Task[Any] | None, float] = {}
        self._desk: Desk | None = None
        self._recorders: list[Recorder] = []
        self._tail = Tail(self._standing)
        self._telling = Telling(self._places.tails, role.name, self._tail)
        self._spans = open_tracing(settings, process=role.name)
        self._ready_cell = self._counters.cell("recsys_worker_ready", {"worker": role.name})
        self._readiness = Readiness(self._hosted)
        self._hosted.take_over(verify=True)
        self._note_ready()
        gc.collect()
        gc.freeze()  # what is loaded by now stays: the collector need not walk it again
        self._taking = False
        self._profiling = Profiling(self._places, role.name)
        self.stop = asyncio.Event()

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start what needs the loop: recorders and the tick."""
        settings = self._settings

        def recorder(*, sync: bool, patience_s: float) -> Recorder:
            spool = Spool(
                self._places.spool,
                host=settings.machine,
                worker=self._role.name,
                rotate_bytes=settings.spool_rotate_bytes,
                rotate_s=settings.spool_rotate_s,
            )
            made = Recorder(loop, spool, sync=sync, patience_s=patience_s, recorded_late=self._count_late)
            self._recorders.append(made)
            return made

        self._desk = Desk(
            settings=settings,
            hosted=self._hosted,
            counters=self._counters,
            exposures=recorder(sync=False, patience_s=settings.record_wait_s),
            outcomes=recorder(sync=True, patience_s=settings.durable_wait_s),
            tail=self._tail,
            tells=self._telling,
            behind=self._behind,
            watch=watch_of(settings, self._spans, routes={route.partition(" ")[2] for route in ROUTES}),
        )
        self._telling.start()
        loop.call_soon(self._tick, loop)

    def _standing(self, tenant: str) -> Standing | None:
        known = self._hosted.directory.tenants.get(tenant)
        return None if known is None else Standing(known.pseudonyms.key_id, self._hosted.erased(tenant))

    def _count_late(self, tenant: str, stream: str, lines: int) -> None:
        cell = self._counters.cell("recsys_events_recorded_late", {"tenant": tenant, "stream": stream})
        self._counters.cells[cell] += lines
        if stream == "exposures" and self._desk is not None:
            self._desk.recorded_late(tenant, lines)

    def close(self) -> None:
        """Write what waits, and finish the files; then send the last spans."""
        for recorder in self._recorders:
            recorder.close()
        self._telling.close()
        if self._spans is not None:
            self._spans.close()

    def drain(self) -> None:
        """Take no more; what is open may finish."""
        if self._desk is not None:
            self._desk.draining = True
        self.stop.set()

    def _take_over(self) -> None:
        try:
            self._hosted.take_over()
            self._note_ready()
        except Exception:
            _log.exception("host.json was not taken over")
        finally:
            self._taking = False

    def _note_ready(self) -> None:
        """Tell the other workers. One that starts has noted it before it listens, so what an old one left is no lie."""
        self._counters.cells[self._ready_cell] = float(not self._readiness.missing())

    def _behind(self) -> list[str]:
        names = {f"worker-{number}" for number in range(self._settings.workers)} - {self._role.name}
        ready = {
            series.labels["worker"]: series.values[0]
            for series in read_counters(self._places.counters.glob("*.cells"))
            if series.name == "recsys_worker_ready"
        }
        return sorted(name for name in names if ready.get(name) == 0.0)

    async def __rsgi__(self, scope: _Scope, proto: Any) -> None:
        if scope.proto != "http" or self._desk is None:
            proto.close(1003) if scope.proto != "http" else proto.response_empty(503, [])
            return
        header = scope.headers.get

        async def read_body() -> bytes:
            return await self._read(header, proto)

        reply = await self._desk.handle(scope.method, scope.path, header, read_body, every=scope.headers.get_all)
        proto.response_bytes(reply.status, reply.headers, reply.body)

    async def _read(self, header: Any, proto: Any) -> bytes:
        """Read the body, within its size and time."""
        most = self._settings.max_body_bytes
        length = header("content-length")
        task = asyncio.current_task()
        self._bodies[task] = time.monotonic()
        try:
            announced = int(length) if length is not None and length.isdigit() else None
            if announced is not None and announced <= most:
                return bytes(await proto())
            passing = LET_PASS * most
            coming = (part async for part in proto)  # can be gone on with, after a break
            if announced is None:
                parts, size = [], 0
                async for part in coming:
                    size += len(part)
                    if size > most:
                        break
                    parts.append(part)
                else:
                    return b"".join(parts)
            elif announced > passing or header("expect") is not None:
                raise _too_large(most)  # more than passes; or of one who asks before sending, and has sent nothing
            await let_pass(coming, passing)
            raise _too_large(most)
        except asyncio.CancelledError:
            if self._desk is None or self._bodies[task] > time.monotonic() - _BODY_S:
                raise  # the client left, or we do
            raise Refusal(408, "TOO_SLOW", f"the body did not come within {_BODY_S:g} s") from None
        finally:
            del self._bodies[task]

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look for a new snapshot, say that the loop runs, and let go of slow clients."""
        loop.call_later(self._settings.swap_check_s, self._tick, loop)
        self._counters.cells[self._tick_cell] = since_boot()
        self._profiling.look()
        if not self._taking and self._hosted.is_news():
            self._taking = True
            loop.run_in_executor(None, self._take_over)  # opening and warming a snapshot is not for the loop
        if self._desk is not None and self._desk.tokens is not None:
            self._desk.tokens.look()
        late = time.monotonic() - _BODY_S
        for task in [task for task, since in self._bodies.items() if since < late]:
            if task is not None:
                task.cancel()
        if os.getppid() != self._role.parent:
            _log.warning("the supervisor is gone; finishing")
            self.drain()


def _too_large(most: int) -> Refusal:
    return Refusal(413, "TOO_LARGE", f"the body is larger than {most} bytes")


async def _serve(role: Role) -> None:
    loop = asyncio.get_running_loop()
    worker = Worker(role)
    worker.open(loop)
    server = on_shared_socket(
        worker,
        listening=role.socket,
        interface=Interfaces.RSGI,
        connections=_CONNECTIONS,  # far above our own bound on requests, so that it is we who say 503
        drain_s=role.settings.drain_s,
    )
    loop.add_signal_handler(signal.SIGTERM, worker.drain)
    serving = asyncio.ensure_future(server.serve())
    stopping = asyncio.ensure_future(worker.stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait((serving,), timeout=role.settings.drain_s)
    worker.close()


def main() -> None:
    """Answer until told to stop."""
    role = begin()
    sys.setswitchinterval(_SWITCH_S)
    socket.socket(fileno=role.socket).detach()  # fails at once when there is no such socket
    uvloop.run(_serve(role))


if __name__ == "__main__":
    main()
