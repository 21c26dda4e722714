"""``recsys bench serve``: answers a second of one worker on one core, beside a static answer of the same server.

Three shops in one run: nothing but signals; with rules, constraints, diversity, personalisation and explanations; and
fixed bytes. Ratios are of one run.
"""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from recsys.access import create_key
from recsys.encoding import canonical
from recsys.lab.bench.load import LoadPlan, LoadReport
from recsys.lab.bench.profile import profile_answers
from recsys.lab.bench.requests import HARD_CONFIG, hard_rules, write_requests
from recsys.lab.bench.service import Memory, Target, cores, cpu_seconds, memory_of, pinned, send
from recsys.lab.bench.shop import publish_shop
from recsys.lab.machine import Machine, this_machine
from recsys.progress import Progress
from recsys.releases import Releases, create_tenant
from recsys.serving import Settings
from recsys.signals import SIGNALS
from recsys.store import Store, open_store

__all__ = ["Load", "ServeBench", "run"]

_EASY, _HARD, _SURFACE = "easy", "hard", "home"
_OPEN_LOOP_SHARE = 0.7
_RULES = 200
_K = 20


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One load and what the worker used for an answer of it, all threads and the kernel's work included."""

    report: LoadReport
    cpu_us: float


class ServeBench(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run. ``ratio``: easy answers to static ones; ``hard_ratio``: hard answers to easy ones."""

    items: int
    users: int
    k: int
    signals: tuple[str, ...]
    connections: int
    static: Load
    easy: Load
    open_loop: Load
    hard: Load
    ratio: float
    hard_ratio: float
    answer_us: float
    hard_answer_us: float
    tail_us: float
    stranger_us: float
    """Microseconds of one answer's path alone, without server, sockets and disk."""
    worker: Memory
    machine: Machine

    def table(self) -> str:
        """Write the figures for people."""
        rows = [
            ("static answer", self.static),
            ("recommend", self.easy),
            ("recommend, open loop", self.open_loop),
            ("recommend, hard", self.hard),
        ]
        lines = [f"{'':22}{'answers/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'errors':>8}{'cpu us':>8}"]
        for name, load in rows:
            seen = load.report
            lines.append(
                f"{name:22}{seen.rps:>10,.0f}{seen.p50_ms:>9.2f}{seen.p99_ms:>9.2f}{seen.max_ms:>9.2f}"
                f"{seen.errors:>8}{load.cpu_us:>8.0f}"
            )
        lines += [
            f"recommend / static: {self.ratio:.2f} · hard / recommend: {self.hard_ratio:.2f}",
            f"{self.items:,} items, {len(self.signals)} signals ({', '.join(self.signals)}), k={self.k}, "
            f"{self.users:,} users, {self.connections} connections, one worker on one core, key checked, exposure and "
            f"decision record written; open loop at {_OPEN_LOOP_SHARE:.0%} of the closed rate; hard: {_RULES} rules, "
            "constraints, diversity, personalisation, explain=summary",
            f"the answer's path alone, without server, sockets and disk: {self.answer_us:.0f} µs, hard "
            f"{self.hard_answer_us:.0f} µs; with the history from the tail instead of the request {self.tail_us:.0f} "
            f"µs, with none {self.stranger_us:.0f} µs; the worker holds {self.worker.rss_mb:.0f} MB, "
            f"{self.worker.uss_mb:.0f} MB of them its alone",
            self.machine.line(),
        ]
        return "\n".join(lines)


def run(
    *, items: int, users: int, connections: int, seconds: float, profile: Path | None, progress: Progress
) -> ServeBench:
    """Measure; needs two cores, one for the service and one for the load."""
    two = cores()
    with TemporaryDirectory(prefix="recsys-bench-") as folder:
        root = Path(folder)
        with progress("publishing two shops"):
            store = open_store(str(root / "store"))
            secrets = {tenant: _publish(store, tenant, items=items) for tenant in (_EASY, _HARD)}
            bodies = {
                tenant: write_requests(
                    root / f"{tenant}.jsonl", items=items, users=users, k=_K, surface=_SURFACE, hard=tenant == _HARD
                )
                for tenant in (_EASY, _HARD)
            }
        with progress("profiling the answer's path"):
            alone = {
                tenant: profile_answers(store, tenant, path.read_bytes().splitlines()[:5000], root=root / "profile")
                for tenant, path in bodies.items()
            }
            if profile is not None:
                profile.write_text(alone[_EASY].text + alone[_HARD].text)
        settings = Settings(
            store=str(root / "store"), host_dir=str(root / "host"), port=0, admin_port=0, max_in_flight=1024
        )
        with pinned(settings, core=two.service, log=root / "service.log") as service:
            pid, port = service.pid("worker-0"), int(service.base_url.rsplit(":", 1)[1])
            plan = {
                tenant: Target(port, secrets[tenant]).plan(
                    cpu=two.load, path="/v1/recommend", seconds=seconds, connections=connections, requests=path
                )
                for tenant, path in bodies.items()
            }
            still = msgspec.structs.replace(plan[_EASY], method="GET", path="/healthz", requests=None)

            def measured(name: str, of: LoadPlan) -> Load:
                with progress(name):
                    before = cpu_seconds(pid)
                    report = send(of)
                    # what was sent while warming up was answered too
                    answered = report.answers * (1 + plan[_EASY].warmup_s / seconds)
                    return Load(report=report, cpu_us=(cpu_seconds(pid) - before) / max(answered, 1) * 1e6)

            static = measured("static answer", still)
            easy = measured("recommend", plan[_EASY])
            rate = easy.report.rps * _OPEN_LOOP_SHARE
            opened = msgspec.structs.replace(plan[_EASY], loop="open", rate_rps=rate, connections=4 * connections)
            open_loop = measured("recommend, open loop", opened)
            hard = measured("recommend, hard", plan[_HARD])
            worker = memory_of(pid)
    return ServeBench(
        items=items,
        users=users,
        k=_K,
        signals=tuple(sorted(SIGNALS)),
        connections=connections,
        static=static,
        easy=easy,
        open_loop=open_loop,
        hard=hard,
        ratio=_ratio(easy, static),
        hard_ratio=_ratio(hard, easy),
        answer_us=alone[_EASY].answer_us,
        hard_answer_us=alone[_HARD].answer_us,
        tail_us=alone[_EASY].tail_us,
        stranger_us=alone[_EASY].stranger_us,
        worker=worker,
        machine=this_machine(),
    )


def _publish(store: Store, tenant: str, *, items: int) -> str:
    """Make one tenant with its shop; return a client's key."""
    create_tenant(store, tenant, actor="bench")
    publish_shop(store, tenant, items=items, surface=_SURFACE, day=datetime.now(UTC).date().isoformat())
    if tenant == _HARD:
        releases = Releases(store, tenant, actor="bench")
        releases.put_config(canonical(HARD_CONFIG))
        releases.put_rules(hard_rules(_RULES, items=items, surface=_SURFACE))
    return create_key(store, tenant, "client", actor="bench").secret


def _ratio(one: Load, other: Load) -> float:
    return one.report.rps / other.report.rps if other.report.rps else 0.0
