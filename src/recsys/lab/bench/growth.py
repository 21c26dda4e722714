"""``recsys bench growth``: what an answer costs as items and tenants grow, and what a second worker holds of its own.

One client asks, so that a latency is the time of an answer and not of a queue. The sizes are measured in turns, each
the best of several, because machines are noisy and growth is a ratio.
"""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from recsys.access import create_key
from recsys.lab.bench.requests import write_requests
from recsys.lab.bench.service import Memory, Target, cores, memory_of, pinned, send
from recsys.lab.bench.shop import publish_shop
from recsys.lab.machine import Machine, this_machine
from recsys.progress import Progress
from recsys.releases import create_tenant
from recsys.serving import Settings
from recsys.store import Store, open_store

__all__ = ["GrowthBench", "Size", "run"]

_SURFACE, _K, _USERS = "home", 20, 10_000
_TENANT_ITEMS = 1_000


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """The latency of one size: the best median of its turns, in milliseconds."""

    items: int
    tenants: int
    p50_ms: float
    p99_ms: float


class GrowthBench(msgspec.Struct, frozen=True, kw_only=True):
    """``worker``: what the second of two workers holds with the largest shop."""

    sizes: tuple[Size, ...]
    items_ratio: float
    tenants_ratio: float
    worker: Memory
    machine: Machine

    def table(self) -> str:
        """Write the figures for people."""
        lines = [f"{'items':>12}{'tenants':>10}{'p50 ms':>9}{'p99 ms':>9}"]
        lines += [f"{one.items:>12,}{one.tenants:>10,}{one.p50_ms:>9.3f}{one.p99_ms:>9.3f}" for one in self.sizes]
        lines += [
            f"largest to smallest: items {self.items_ratio:.2f}, tenants {self.tenants_ratio:.2f}",
            f"the second of two workers with the largest shop: {self.worker.rss_mb:.0f} MB resident, "
            f"{self.worker.uss_mb:.0f} MB its alone, {self.worker.shared_mb:.0f} MB shared",
            self.machine.line(),
        ]
        return "\n".join(lines)


def run(
    *, items: tuple[int, ...], tenants: tuple[int, ...], seconds: float, turns: int, progress: Progress
) -> GrowthBench:
    """Measure each size; needs two cores."""
    with TemporaryDirectory(prefix="recsys-bench-") as folder:
        root = Path(folder)
        by_items, worker = _by_items(root / "items", items, seconds=seconds, turns=turns, progress=progress)
        by_tenants = [
            _by_tenants(root / f"tenants-{count}", count, seconds=seconds, turns=turns, progress=progress)
            for count in tenants
        ]
    return GrowthBench(
        sizes=(*by_items, *by_tenants),
        items_ratio=by_items[-1].p50_ms / by_items[0].p50_ms,
        tenants_ratio=by_tenants[-1].p50_ms / by_tenants[0].p50_ms if by_tenants else 1.0,
        worker=worker,
        machine=this_machine(),
    )


def _by_items(
    root: Path, items: tuple[int, ...], *, seconds: float, turns: int, progress: Progress
) -> tuple[list[Size], Memory]:
    """Ask shops of several sizes in one service, in turns."""
    two = cores()
    root.mkdir()
    store = open_store(str(root / "store"))
    secrets, bodies = {}, {}
    for count in items:
        tenant = f"shop-{count}"
        with progress(f"publishing {count:,} items"):
            secrets[count] = _publish(store, tenant, items=count)
        bodies[count] = write_requests(root / f"{tenant}.jsonl", items=count, users=_USERS, k=_K, surface=_SURFACE)
    settings = _settings(root)
    with pinned(settings, core=two.service, log=root / "service.log") as service:
        port = int(service.base_url.rsplit(":", 1)[1])
        seen: dict[int, list[tuple[float, float]]] = {count: [] for count in items}
        with progress("asking"):
            for _ in range(turns):
                for count in items:
                    target = Target(port, secrets[count])
                    seen[count].append(_ask(target, bodies[count], cpu=two.load, seconds=seconds))
    with pinned(msgspec.structs.replace(settings, workers=2), core=two.service, log=root / "service.log") as service:
        port = int(service.base_url.rsplit(":", 1)[1])
        with progress("looking at two workers"):
            plan = Target(port, secrets[items[-1]]).plan(
                cpu=two.load, path="/v1/recommend", seconds=seconds, connections=32, requests=bodies[items[-1]]
            )
            send(plan)  # both must have touched what they map
            worker = memory_of(service.pid("worker-1"))
    return [_best(seen[count], items=count, tenants=len(items)) for count in items], worker


def _by_tenants(root: Path, count: int, *, seconds: float, turns: int, progress: Progress) -> Size:
    """Ask one of many tenants, each with a small shop of its own."""
    two = cores()
    root.mkdir()
    store = open_store(str(root / "store"))
    with progress(f"publishing {count:,} tenants"):
        secrets = [_publish(store, f"tenant-{number}", items=_TENANT_ITEMS) for number in range(count)]
    bodies = write_requests(root / "requests.jsonl", items=_TENANT_ITEMS, users=_USERS, k=_K, surface=_SURFACE)
    with pinned(_settings(root), core=two.service, log=root / "service.log") as service:
        port = int(service.base_url.rsplit(":", 1)[1])
        with progress("asking"):
            target = Target(port, secrets[-1])
            seen = [_ask(target, bodies, cpu=two.load, seconds=seconds) for _ in range(turns)]
    return _best(seen, items=_TENANT_ITEMS, tenants=count)


def _ask(target: Target, bodies: Path, *, cpu: int, seconds: float) -> tuple[float, float]:
    plan = target.plan(cpu=cpu, path="/v1/recommend", seconds=seconds, connections=1, requests=bodies)
    report = send(plan)
    return report.p50_ms, report.p99_ms


def _best(seen: list[tuple[float, float]], *, items: int, tenants: int) -> Size:
    p50_ms, p99_ms = min(seen)
    return Size(items=items, tenants=tenants, p50_ms=p50_ms, p99_ms=p99_ms)


def _settings(root: Path) -> Settings:
    return Settings(store=str(root / "store"), host_dir=str(root / "host"), port=0, admin_port=0)


def _publish(store: Store, tenant: str, *, items: int) -> str:
    create_tenant(store, tenant, actor="bench")
    publish_shop(store, tenant, items=items, surface=_SURFACE, day=datetime.now(UTC).date().isoformat())
    return create_key(store, tenant, "client", actor="bench").secret
