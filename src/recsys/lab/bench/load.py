"""A load generator for one HTTP service on this machine: many connections, closed or open loop, in one process.

It runs in its own process (``python -m recsys.lab.bench.load``) so that it can stand on another core than the service.
"""

import asyncio
import os
import random
import sys
import time
from pathlib import Path
from typing import Literal, cast

import msgspec
import numpy as np
import uvloop

__all__ = ["LoadPlan", "LoadReport", "run_load"]


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to send. ``requests`` is a file of request bodies, one a line, sent round robin.

    In a ``closed`` loop each connection sends its next request when the last is answered: throughput. In an ``open``
    loop requests arrive at ``rate_rps`` by a Poisson process whatever the service does, and latency counts from the
    moment a request was due: waiting in line is not left out.
    """

    host: str
    port: int
    method: str
    path: str
    headers: dict[str, str]
    requests: str | None
    connections: int
    seconds: float
    warmup_s: float
    loop: Literal["closed", "open"]
    rate_rps: float = 0.0
    cpu: int | None = None
    seed: int = 1


class LoadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. Latencies in milliseconds."""

    answers: int
    errors: int
    seconds: float
    rps: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answered: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def send(self, request: bytes) -> "asyncio.Future[int]":
        """Send a request; the future gives the status code."""
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        status = int(self._buffer[9:12])
        self._buffer = self._buffer[end + 4 + length :]
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(0)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def run_load(plan: LoadPlan) -> LoadReport:
    """Send load as planned, on ``plan.cpu`` when that is set, and report."""
    if plan.cpu is not None:
        os.sched_setaffinity(0, {plan.cpu})
    return uvloop.run(_run(plan))


async def _run(plan: LoadPlan) -> LoadReport:
    loop = asyncio.get_running_loop()
    bodies = Path(plan.requests).read_bytes().splitlines() if plan.requests else [b""]
    wire = [_request(plan, body) for body in bodies]
    connections = [
        (await loop.create_connection(_Connection, plan.host, plan.port))[1] for _ in range(plan.connections)
    ]
    measured_from = time.perf_counter() + plan.warmup_s
    until = measured_from + plan.seconds
    latencies: list[float] = []
    errors = 0

    def note(due: float, status: int) -> None:
        nonlocal errors
        now = time.perf_counter()
        if measured_from <= due and now <= until:
            latencies.append(now - due)
            errors += not 200 <= status < 300

    async def closed(connection: _Connection, first: int) -> None:
        turn = first
        while (due := time.perf_counter()) < until:
            status = await connection.send(wire[turn % len(wire)])
            note(due, status)
            turn += plan.connections
            if status == 0:
                return

    async def opened() -> None:
        chance = random.Random(plan.seed)
        free: asyncio.Queue[_Connection] = asyncio.Queue()
        for connection in connections:
            free.put_nowait(connection)
        under_way: set[asyncio.Task[None]] = set()

        async def one(due: float, turn: int) -> None:
            connection = await free.get()
            note(due, await connection.send(wire[turn % len(wire)]))
            free.put_nowait(connection)

        due, turn = time.perf_counter(), 0
        while due < until:
            due += chance.expovariate(plan.rate_rps)
            turn += 1
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            task = loop.create_task(one(due, turn))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    if plan.loop == "closed":
        await asyncio.gather(*(closed(connection, number) for number, connection in enumerate(connections)))
    else:
        await opened()
    for connection in connections:
        connection.close()
    return _report(latencies, errors, plan.seconds)


def _request(plan: LoadPlan, body: bytes) -> bytes:
    lines = [f"{plan.method} {plan.path} HTTP/1.1", f"host: {plan.host}:{plan.port}"]
    lines += [f"{name}: {value}" for name, value in plan.headers.items()]
    if plan.method == "POST":
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body if plan.method == "POST" else b"")


def _report(latencies: list[float], errors: int, seconds: float) -> LoadReport:
    if not latencies:
        return LoadReport(
            answers=0, errors=errors, seconds=seconds, rps=0.0, p50_ms=0.0, p95_ms=0.0, p99_ms=0.0, max_ms=0.0
        )
    in_ms = np.asarray(latencies) * 1000
    p50, p95, p99 = (float(value) for value in np.percentile(in_ms, [50, 95, 99]))
    return LoadReport(
        answers=len(latencies),
        errors=errors,
        seconds=seconds,
        rps=len(latencies) / seconds,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        max_ms=float(in_ms.max()),
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(run_load(msgspec.json.decode(sys.stdin.buffer.read(), type=LoadPlan))))
