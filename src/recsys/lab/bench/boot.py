"""``recsys bench boot``: from the start of the command to its first answer, with the store there and away."""

import http.client
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from recsys.access import create_key
from recsys.errors import Failed
from recsys.lab.bench.shop import publish_shop
from recsys.lab.machine import Machine, this_machine
from recsys.progress import Progress
from recsys.releases import create_tenant
from recsys.serving import Settings
from recsys.serving.process import ServiceProcess
from recsys.store import open_store

__all__ = ["BootBench", "run"]

_TENANT, _SURFACE = "bench", "home"
_BODY = b'{"surface":"home","k":20}'
_DEADLINE_S = 60.0


class BootBench(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from start to first answer, one for each restart; the first start, which copies, apart."""

    items: int
    first_s: float
    store_up_s: tuple[float, ...]
    store_away_s: tuple[float, ...]
    rungs: tuple[str, ...]
    machine: Machine

    def table(self) -> str:
        """Write the figures for people."""
        lines = [f"{'':22}{'restarts':>9}{'min s':>8}{'median s':>10}{'max s':>8}"]
        for name, seen in (("store up", sorted(self.store_up_s)), ("store away", sorted(self.store_away_s))):
            lines.append(f"{name:22}{len(seen):>9}{seen[0]:>8.2f}{seen[len(seen) // 2]:>10.2f}{seen[-1]:>8.2f}")
        lines.append(
            f"{self.items:,} items; the first start, which copies and prepares: {self.first_s:.2f} s; "
            f"first answers came from: {', '.join(self.rungs)}"
        )
        lines.append(self.machine.line())
        return "\n".join(lines)


def run(*, items: int, restarts: int, progress: Progress) -> BootBench:
    """Measure. The host's own copies stay between restarts, as they do on a real one."""
    with TemporaryDirectory(prefix="recsys-bench-") as folder:
        root = Path(folder)
        with progress("publishing the shop"):
            store = open_store(str(root / "store"))
            create_tenant(store, _TENANT, actor="bench")
            secret = create_key(store, _TENANT, "client", actor="bench").secret
            publish_shop(store, _TENANT, items=items, surface=_SURFACE, day=datetime.now(UTC).date().isoformat())
        settings = Settings(store=str(root / "store"), host_dir=str(root / "host"), port=0, admin_port=0)
        rungs: set[str] = set()

        def start() -> float:
            began = time.perf_counter()
            with ServiceProcess(settings, log=root / "service.log") as service:
                rung = _first_answer(service, secret)
                took = time.perf_counter() - began
                rungs.add(rung)
                service.wait_ready()
            return took

        with progress("first start"):
            first = start()
        rungs.clear()
        with progress("store up"):
            up = tuple(start() for _ in range(restarts))
        (root / "store").rename(root / "away")
        with progress("store away"):
            away = tuple(start() for _ in range(restarts))
    return BootBench(
        items=items,
        first_s=first,
        store_up_s=up,
        store_away_s=away,
        rungs=tuple(sorted(rungs)),
        machine=this_machine(),
    )


def _first_answer(service: ServiceProcess, secret: str) -> str:
    """Ask until there is an answer with items; return its rung."""
    port = int(service.base_url.rsplit(":", 1)[1])
    until = time.perf_counter() + _DEADLINE_S
    while time.perf_counter() < until:
        page = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            page.request("POST", "/v1/recommend", _BODY, {"x-api-key": secret, "content-type": "application/json"})
            reply = page.getresponse()
            if reply.status == 200 and (answer := msgspec.json.decode(reply.read()))["items"]:
                return str(answer["meta"]["rung"])
        except (OSError, http.client.HTTPException):
            pass  # it does not listen yet, or is just going
        finally:
            page.close()
        time.sleep(0.005)
    raise Failed("the service did not answer", next_step="see its log in the folder of the benchmark")
