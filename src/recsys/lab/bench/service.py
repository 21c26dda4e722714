"""A service to measure: on one core, with a shop in it, the load on the other core; and what its processes cost."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from recsys.errors import Failed
from recsys.lab.bench.load import LoadPlan, LoadReport
from recsys.serving import Settings
from recsys.serving.process import ServiceProcess

__all__ = ["Cores", "Memory", "Target", "cores", "cpu_seconds", "memory_of", "pinned", "send"]


class Cores(msgspec.Struct, frozen=True):
    """The core of the service and the core of the load."""

    service: int
    load: int


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a process holds: resident, its alone (what ending it would free), shared with others. In MB."""

    rss_mb: float
    uss_mb: float
    shared_mb: float


class Target(msgspec.Struct, frozen=True):
    """Where requests go, and as whom."""

    port: int
    secret: str

    def plan(self, *, cpu: int | None, path: str, seconds: float, connections: int, requests: Path) -> LoadPlan:
        """Return a closed loop of POSTs; the bodies are the lines of ``requests``."""
        return LoadPlan(
            host="127.0.0.1",
            port=self.port,
            method="POST",
            path=path,
            headers={"x-api-key": self.secret},
            requests=str(requests),
            connections=connections,
            seconds=seconds,
            warmup_s=min(2.0, seconds),
            loop="closed",
            cpu=cpu,
        )


def cores() -> Cores:
    """Return two cores of this machine; raises ``Failed`` where there is one."""
    found = sorted(os.sched_getaffinity(0))
    if len(found) < 2:
        raise Failed("one core is not enough: the load would slow what it measures", next_step="run it on two or more")
    return Cores(found[0], found[1])


@contextmanager
def pinned(settings: Settings, *, core: int | None, log: Path, timeout_s: float = 30.0) -> Iterator[ServiceProcess]:
    """Run a service whose processes share one core (``None``: all), and wait until it is ready."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})  # the service inherits it
    try:
        service = ServiceProcess(settings, log=log)
        service.start()
    finally:
        os.sched_setaffinity(0, before)
    with _running(service):
        service.wait_ready(timeout_s=timeout_s)
        yield service


@contextmanager
def _running(service: ServiceProcess) -> Iterator[None]:
    try:
        yield
    finally:
        service.stop()


def send(plan: LoadPlan) -> LoadReport:
    """Run the load in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "recsys.lab.bench.load"],
        input=msgspec.json.encode(plan),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise Failed("the load generator failed", next_step=done.stderr.decode().strip().splitlines()[-1])
    return msgspec.json.decode(done.stdout, type=LoadReport)


def cpu_seconds(pid: int) -> float:
    """Return what a process has used of all cores, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> Memory:
    """Read what the kernel says of a process's memory."""
    values: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        values[name] = int(rest.split()[0])
    alone = values["Private_Clean"] + values["Private_Dirty"]
    return Memory(rss_mb=values["Rss"] / 1024, uss_mb=alone / 1024, shared_mb=(values["Rss"] - alone) / 1024)
