"""``recsys bench growth``: what an answer costs as items, users and tenants grow, and what a second worker holds.

One client asks, so that a latency is the time of an answer and not of a queue. The sizes are measured in turns, each
the best of several, because machines are noisy and growth is a ratio.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from recsys.access import create_key
from recsys.lab.bench.requests import write_requests
from recsys.lab.bench.service import Memory, Target, cores, memory_of, pinned, send
from recsys.lab.bench.shop import ASKING, publish_shop
from recsys.lab.machine import Machine, this_machine
from recsys.progress import Progress
from recsys.releases import create_tenant
from recsys.serving import Settings
from recsys.store import Store, open_store

__all__ = ["GrowthBench", "Size", "run"]

_SURFACE, _K = "home", 20
_TENANT_ITEMS = 1_000
_HEAD = f"{'items':>12}{'users':>13}{'tenants':>10}{'p50 ms':>9}{'p99 ms':>9}"
_START_S = 0.5
"""What a new host may take for each tenant before it is ready."""


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """The latency of one size: the best median of its turns, in milliseconds. ``users`` have a profile."""

    items: int
    users: int
    tenants: int
    p50_ms: float
    p99_ms: float

    def line(self) -> str:
        """Write it below its heading."""
        return f"{self.items:>12,}{self.users:>13,}{self.tenants:>10,}{self.p50_ms:>9.3f}{self.p99_ms:>9.3f}"


class GrowthBench(msgspec.Struct, frozen=True, kw_only=True):
    """``ratios``: the largest size over the smallest, by what grew. ``worker``: what the second of two workers holds
    with the largest shop; ``worker_users``: with the most users.
    """

    sizes: tuple[Size, ...]
    ratios: dict[str, float]
    worker: Memory
    worker_users: Memory
    machine: Machine

    def table(self) -> str:
        """Write the figures for people."""
        lines = [_HEAD, *(one.line() for one in self.sizes)]
        lines.append(
            "largest to smallest: " + ", ".join(f"{grown} {ratio:.2f}" for grown, ratio in self.ratios.items())
        )
        lines += [_of_worker("with the most items", self.worker), _of_worker("with the most users", self.worker_users)]
        lines.append(self.machine.line())
        return "\n".join(lines)


def run(
    *,
    items: tuple[int, ...],
    users: tuple[int, ...],
    tenants: tuple[int, ...],
    seconds: float,
    turns: int,
    progress: Progress,
    say: Callable[[str], None],
) -> GrowthBench:
    """Measure each size, and say each figure when it is there; needs two cores. Shops whose users grow have the middle
    number of items.
    """
    with TemporaryDirectory(prefix="recsys-bench-") as folder:
        root = Path(folder)
        asking = _Asking(seconds=seconds, turns=turns, progress=progress, say=say)
        say(_HEAD)
        by_items, worker = asking.shops(root / "items", [(count, 0) for count in items])
        say(_of_worker("with the most items", worker))
        by_users, worker_users = asking.shops(root / "users", [(items[len(items) // 2], count) for count in users])
        say(_of_worker("with the most users", worker_users))
        by_tenants = [asking.tenants(root / f"tenants-{count}", count) for count in tenants]
    grown = {"items": by_items, "users": by_users, "tenants": by_tenants}
    return GrowthBench(
        sizes=(*by_items, *by_users, *by_tenants),
        ratios={what: sizes[-1].p50_ms / sizes[0].p50_ms for what, sizes in grown.items()},
        worker=worker,
        worker_users=worker_users,
        machine=this_machine(),
    )


class _Asking:
    """Asks services of several sizes, in turns of some seconds each."""

    def __init__(self, *, seconds: float, turns: int, progress: Progress, say: Callable[[str], None]) -> None:
        self._seconds, self._turns, self._progress, self._say = seconds, turns, progress, say
        self._cores = cores()

    def shops(self, root: Path, sizes: list[tuple[int, int]]) -> tuple[list[Size], Memory]:
        """Ask shops of several sizes (items, users with a profile) in one service. Where users have profiles, requests
        bring no history.
        """
        store = _new_store(root)
        secrets, bodies = [], []
        for items, users in sizes:
            tenant = f"shop-{items}-{users}"
            with self._progress(f"publishing {items:,} items" + (f" and {users:,} users" if users else "")):
                secrets.append(_publish(store, tenant, items=items, users=users))
            bodies.append(_bodies(root / f"{tenant}.jsonl", items=items, users=users))
        with pinned(_settings(root), core=self._cores.service, log=root / "service.log") as service:
            targets = [Target(_port(service.base_url), secret) for secret in secrets]
            seen: list[list[tuple[float, float]]] = [[] for _ in sizes]
            with self._progress("asking"):
                for _ in range(self._turns):
                    for times, target, requests in zip(seen, targets, bodies, strict=True):
                        times.append(self._ask(target, requests))
        made = [
            _best(times, items=items, users=users, tenants=len(sizes))
            for times, (items, users) in zip(seen, sizes, strict=True)
        ]
        for one in made:
            self._say(one.line())
        return made, self._second_worker(root, secrets[-1], bodies[-1])

    def _second_worker(self, root: Path, secret: str, bodies: Path) -> Memory:
        settings = msgspec.structs.replace(_settings(root), workers=2)
        with (
            pinned(settings, core=self._cores.service, log=root / "service.log") as service,
            self._progress("looking at two workers"),
        ):
            self._ask(Target(_port(service.base_url), secret), bodies, connections=32)  # both touch what they map
            return memory_of(service.pid("worker-1"))

    def tenants(self, root: Path, count: int) -> Size:
        """Ask one of many tenants, each with a small shop of its own."""
        store = _new_store(root)
        with self._progress(f"publishing {count:,} tenants"):
            secrets = [_publish(store, f"tenant-{number}", items=_TENANT_ITEMS) for number in range(count)]
        bodies = _bodies(root / "requests.jsonl", items=_TENANT_ITEMS)
        core, log = self._cores.service, root / "service.log"
        with (
            pinned(_settings(root), core=core, log=log, timeout_s=30.0 + _START_S * count) as service,
            self._progress("asking"),
        ):
            target = Target(_port(service.base_url), secrets[-1])
            seen = [self._ask(target, bodies) for _ in range(self._turns)]
        made = _best(seen, items=_TENANT_ITEMS, users=0, tenants=count)
        self._say(made.line())
        return made

    def _ask(self, target: Target, bodies: Path, *, connections: int = 1) -> tuple[float, float]:
        plan = target.plan(
            cpu=self._cores.load,
            path="/v1/recommend",
            seconds=self._seconds,
            connections=connections,
            requests=bodies,
        )
        report = send(plan)
        return report.p50_ms, report.p99_ms


def _best(seen: list[tuple[float, float]], *, items: int, users: int, tenants: int) -> Size:
    p50_ms, p99_ms = min(seen)
    return Size(items=items, users=users, tenants=tenants, p50_ms=p50_ms, p99_ms=p99_ms)


def _of_worker(what: str, memory: Memory) -> str:
    return (
        f"the second of two workers {what}: {memory.rss_mb:.0f} MB resident, "
        f"{memory.uss_mb:.0f} MB its alone, {memory.shared_mb:.0f} MB shared"
    )


def _new_store(root: Path) -> Store:
    root.mkdir()
    return open_store(str(root / "store"))


def _settings(root: Path) -> Settings:
    return Settings(store=str(root / "store"), host_dir=str(root / "host"), port=0, admin_port=0)


def _port(base_url: str) -> int:
    return int(base_url.rsplit(":", 1)[1])


def _bodies(path: Path, *, items: int, users: int = 0) -> Path:
    asking = min(users, ASKING) if users else ASKING
    return write_requests(path, items=items, users=asking, k=_K, surface=_SURFACE, history=not users)


def _publish(store: Store, tenant: str, *, items: int, users: int = 0) -> str:
    create_tenant(store, tenant, actor="bench")
    day = datetime.now(UTC).date().isoformat()
    publish_shop(store, tenant, items=items, surface=_SURFACE, day=day, users=users)
    return create_key(store, tenant, "client", actor="bench").secret
