"""``recsys bench serve``: answers a second of one worker on one core, beside a static answer of the same server."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np

from recsys.access import create_key
from recsys.encoding import canonical
from recsys.errors import Failed
from recsys.lab.bench.load import LoadPlan, LoadReport
from recsys.lab.bench.profile import profile_answers
from recsys.lab.bench.shop import item_ids, publish_shop
from recsys.lab.machine import Machine, this_machine
from recsys.progress import Progress
from recsys.releases import create_tenant
from recsys.serving import Settings
from recsys.serving.process import ServiceProcess
from recsys.store import open_store

__all__ = ["ServeBench", "run"]

_TENANT, _SURFACE = "bench", "home"
_OPEN_LOOP_SHARE = 0.7


class ServeBench(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run. ``static`` answers fixed bytes; ``recommend`` does the whole work."""

    items: int
    users: int
    k: int
    signals: tuple[str, ...]
    connections: int
    static: LoadReport
    recommend: LoadReport
    open_loop: LoadReport
    ratio: float
    answer_us: float
    """Microseconds of one answer's path alone, without server, sockets and disk."""
    machine: Machine

    def table(self) -> str:
        """Write the figures for people."""
        rows = [
            ("static answer", self.static),
            ("recommend", self.recommend),
            ("recommend, open loop", self.open_loop),
        ]
        lines = [f"{'':22}{'answers/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'errors':>8}"]
        lines += [
            f"{name:22}{load.rps:>10,.0f}{load.p50_ms:>9.2f}{load.p99_ms:>9.2f}{load.max_ms:>9.2f}{load.errors:>8}"
            for name, load in rows
        ]
        lines.append(
            f"recommend / static: {self.ratio:.2f} · {self.items:,} items, {len(self.signals)} signals "
            f"({', '.join(self.signals)}), k={self.k}, {self.users:,} users, {self.connections} connections, "
            f"one worker on one core, key checked, exposure and decision record written; open loop at "
            f"{_OPEN_LOOP_SHARE:.0%} of the closed rate"
        )
        lines.append(f"the answer's path alone, without server, sockets and disk: {self.answer_us:.0f} µs")
        lines.append(self.machine.line())
        return "\n".join(lines)


def run(
    *, items: int, users: int, connections: int, seconds: float, profile: Path | None, progress: Progress
) -> ServeBench:
    """Measure; needs two cores, one for the service and one for the load."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise Failed("one core is not enough: the load would slow what it measures", next_step="run it on two or more")
    k = 20
    with TemporaryDirectory(prefix="recsys-bench-") as folder:
        root = Path(folder)
        with progress("publishing the shop"):
            store = open_store(str(root / "store"))
            create_tenant(store, _TENANT, actor="bench")
            secret = create_key(store, _TENANT, "client", actor="bench").secret
            publish_shop(store, _TENANT, items=items, surface=_SURFACE, day=datetime.now(UTC).date().isoformat())
            requests = _requests(root / "requests.jsonl", items=items, users=users, k=k)
        with progress("profiling the answer's path"):
            alone = profile_answers(store, _TENANT, requests.read_bytes().splitlines()[:5000], root=root / "profile")
            if profile is not None:
                profile.write_text(alone.text)
        settings = Settings(
            store=str(root / "store"), host_dir=str(root / "host"), port=0, admin_port=0, max_in_flight=1024
        )
        os.sched_setaffinity(0, {cores[0]})  # the service inherits it: its processes share one core
        with ServiceProcess(settings, log=root / "service.log") as service:
            os.sched_setaffinity(0, set(cores))
            service.wait_ready()
            plan = LoadPlan(
                host="127.0.0.1",
                port=int(service.base_url.rsplit(":", 1)[1]),
                method="POST",
                path="/v1/recommend",
                headers={"x-api-key": secret},
                requests=str(requests),
                connections=connections,
                seconds=seconds,
                warmup_s=min(2.0, seconds),
                loop="closed",
                cpu=cores[1],
            )
            still = msgspec.structs.replace(plan, method="GET", path="/healthz", requests=None)
            with progress("static answer"):
                static = _load(still)
            with progress("recommend"):
                closed = _load(plan)
            with progress("recommend, open loop"):
                rate = closed.rps * _OPEN_LOOP_SHARE
                opened = _load(msgspec.structs.replace(plan, loop="open", rate_rps=rate, connections=4 * connections))
    return ServeBench(
        items=items,
        users=users,
        k=k,
        signals=("popularity", "cooc"),
        connections=connections,
        static=static,
        recommend=closed,
        open_loop=opened,
        ratio=closed.rps / static.rps if static.rps else 0.0,
        answer_us=alone.answer_us,
        machine=this_machine(),
    )


def _requests(path: Path, *, items: int, users: int, k: int) -> Path:
    """Write a body for each user: five items of history, as a page would send them."""
    chance = np.random.Generator(np.random.PCG64(7))
    names = item_ids(items)
    seen = chance.integers(0, items, (users, 5))
    with path.open("wb") as file:
        for user, row in enumerate(seen.tolist()):
            history = [{"item_id": names[item], "event_type": "view"} for item in row]
            body = {"surface": _SURFACE, "k": k, "user": {"user_id": f"u{user}", "history": history}}
            file.write(canonical(body) + b"\n")
    return path


def _load(plan: LoadPlan) -> LoadReport:
    """Run the load in a process of its own, on its own core."""
    done = subprocess.run(
        [sys.executable, "-m", "recsys.lab.bench.load"],
        input=msgspec.json.encode(plan),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise Failed("the load generator failed", next_step=done.stderr.decode().strip().splitlines()[-1])
    return msgspec.json.decode(done.stdout, type=LoadReport)
