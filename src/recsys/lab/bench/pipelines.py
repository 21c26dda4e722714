"""``recsys bench pipelines``: what a run of the pipelines costs as events grow, beside bare queries on the same files.

Every run is the command a user types, in a process of its own, into an empty store, shipped.
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from recsys.lab.bench.bare import Bare, Likeness, TooLarge, bare, compare
from recsys.lab.bench.history import History, Shape, make_history
from recsys.lab.bench.watched import watched
from recsys.lab.machine import Machine, this_machine
from recsys.pipelines import RunReport, last_runs
from recsys.pipelines.engine import MEMORY_LIMIT
from recsys.pipelines.less import live_manifest
from recsys.pipelines.report import STAGES
from recsys.progress import Progress
from recsys.releases import Releases, create_tenant
from recsys.signals import profiles
from recsys.store import Store, open_store

__all__ = ["PipelinesBench", "Plan", "Run", "run"]

_TENANT, _SURFACE = "bench", "home"
_HELD = ("popularity", "cooc")
"""The signals that are held against bare queries."""
_EVENTS_A_USER = 20


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured. ``users``: none means one for every 20 events. ``signals``: what the whole run computes; none
    means all. ``engines``: each runs everything; the artifacts of the later ones are held against the first one's.
    ``master``: of a Spark engine.
    """

    events: tuple[int, ...]
    users: int | None = None
    items: int = 100_000
    days: int = 30
    signals: tuple[str, ...] = ()
    engines: tuple[str, ...] = ("duckdb",)
    master: str | None = None
    seed: int = 1


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. ``seconds``: the command, from its start to its end. ``took_s``: by stage, as the run recorded it.
    ``rows``: of each artifact. ``artifacts``: their digests, by signal and scope.
    """

    events: int
    engine: str
    signals: tuple[str, ...]
    seconds: float
    cpu_s: float
    took_s: dict[str, float]
    peak_mb: float
    rows: dict[str, int]
    size_bytes: dict[str, int]
    artifacts: dict[str, str]

    @property
    def kind(self) -> str:
        """Name what was computed, and by what."""
        return f"{self.engine} {','.join(self.signals) or 'all'}"

    def line(self) -> str:
        """Write it for people."""
        stages = ", ".join(f"{stage} {self.took_s[stage]:.1f}" for stage in STAGES if stage in self.took_s)
        each = self.seconds / (self.events / 1e6)
        return (
            f"{self.events:>13,}  {self.kind}: {self.seconds:.1f} s ({stages}), {each:.2f} s a million, "
            f"{self.cpu_s:.1f} s of cores, {self.peak_mb:,.0f} MB"
        )


class PipelinesBench(msgspec.Struct, frozen=True, kw_only=True):
    """The figures.

    ``ratios``: popularity and cooc by the pipelines over the bare queries, by events; ``unfinished``: why the bare
    queries came to no end. ``growth``: cost of an event over that at the size before, by what was run. ``same_bytes``:
    by engine and events, whether each artifact has the bytes that the first engine's has.
    """

    plan: Plan
    runs: tuple[Run, ...]
    bares: tuple[Bare, ...]
    unfinished: dict[int, str]
    likeness: dict[int, Likeness]
    ratios: dict[int, float]
    growth: dict[str, float]
    same_bytes: dict[str, dict[str, bool]]
    memory_limit: str
    machine: Machine

    def table(self) -> str:
        """Write the figures for people."""
        lines = [one.line() for one in self.bares] + [one.line() for one in self.runs]
        lines += [f"{events:>13,}  {why}" for events, why in self.unfinished.items()]
        for events, ratio in self.ratios.items():
            lines.append(f"{events:>13,}  popularity and cooc, pipelines to bare queries: {ratio:.2f}")
            lines.append(f"{events:>13,}  {self.likeness[events].line()}")
        lines += [f"cost of an event, {what}: {ratio:.2f}" for what, ratio in self.growth.items()]
        for what, same in self.same_bytes.items():
            other = [name for name, is_same in same.items() if not is_same]
            lines.append(f"{what}: {len(same) - len(other)} artifacts of the same bytes; others: {other or 'none'}")
        lines.append(
            f"{self.plan.items:,} items, {self.plan.days} days; engines may hold {self.memory_limit}. Beyond the bare "
            "queries a run checks every row, drops repeated ids, makes pseudonyms, writes daily partitions with their "
            "digests, judges them, ranks the surface too, checks artifacts value by value, forces them to disk, ships"
        )
        lines.append(self.machine.line())
        return "\n".join(lines)


def run(plan: Plan, *, folder: Path | None, progress: Progress, say: Callable[[str], None]) -> PipelinesBench:
    """Measure each size; says each figure when it is there. Histories are kept in ``folder`` and taken from there;
    without one they are made and removed.
    """
    runs: list[Run] = []
    bares: list[Bare] = []
    unfinished: dict[int, str] = {}
    likeness: dict[int, Likeness] = {}
    with ExitStack() as stack:
        kept = folder or Path(stack.enter_context(TemporaryDirectory(prefix="recsys-bench-")))
        kept.mkdir(parents=True, exist_ok=True)
        root = Path(stack.enter_context(TemporaryDirectory(prefix="measuring-", dir=kept)))
        for events in plan.events:
            history = _history(plan, events, kept, progress)
            found = root / f"bare-{events}"
            with progress(f"bare queries on {events:,} events"):
                try:
                    bares.append(bare(history, events=events, folder=found))
                except TooLarge as error:
                    unfinished[events] = error.message
            say(f"{events:>13,}  {unfinished[events]}" if events in unfinished else bares[-1].line())
            for engine in plan.engines:
                for signals in (_HELD, plan.signals):
                    store = open_store(root / f"{engine}-{events}-{len(signals)}" / "store")
                    with progress(f"{','.join(signals) or 'all signals'} of {events:,} events by {engine}"):
                        runs.append(_run(plan, store, history, events=events, engine=engine, signals=signals))
                    say(runs[-1].line())
                    if signals == _HELD and engine == plan.engines[0] and events not in unfinished:
                        likeness[events] = compare(store, _TENANT, _SURFACE, found=found)
                        say(f"{events:>13,}  {likeness[events].line()}")
    return PipelinesBench(
        plan=plan,
        runs=tuple(runs),
        bares=tuple(bares),
        unfinished=unfinished,
        likeness=likeness,
        ratios={one.events: _first(plan, runs, one.events, _HELD).seconds / one.seconds for one in bares},
        growth=_growth(runs),
        same_bytes=_same_bytes(plan, runs),
        memory_limit=MEMORY_LIMIT,
        machine=this_machine(),
    )


def _history(plan: Plan, events: int, kept: Path, progress: Progress) -> History:
    users = plan.users or max(1, events // _EVENTS_A_USER)
    shape = Shape(events=events, users=users, items=plan.items, days=plan.days, seed=plan.seed)
    name = f"history-{events}-{users}-{plan.items}-{plan.days}-{plan.seed}"
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    return make_history(shape, kept / name, end=yesterday, progress=progress)


def _run(plan: Plan, store: Store, history: History, *, events: int, engine: str, signals: tuple[str, ...]) -> Run:
    """Run the command, as a user would."""
    create_tenant(store, _TENANT, actor="bench")
    command = [sys.executable, "-m", "recsys", "--store", store.name, "--json", "pipelines", "run"]
    command += ["--tenant", _TENANT, "--surface", _SURFACE, "--events", history.events, "--catalog", history.catalog]
    command += ["--start", str(history.start), "--end", str(history.end)]
    command += ["--signals", ",".join(signals)] if signals else []
    if engine != "duckdb":
        command += ["--engine", engine] + (["--master", plan.master] if plan.master else [])
    done = watched(command)
    report = msgspec.json.decode(done.output, type=RunReport)
    assert report.shipped, report.why
    manifest = live_manifest(store, Releases(store, _TENANT, actor="bench").current(), _SURFACE)
    assert manifest is not None
    refs = {f"{name} {ref.scope}": ref for name, several in manifest.signals.items() for ref in several}
    if manifest.profiles:
        refs["profiles tenant"] = manifest.profiles
    run = last_runs(store, _TENANT)[_SURFACE]
    assert run is not None
    return Run(
        events=events,
        engine=engine,
        signals=signals,
        seconds=done.seconds,
        cpu_s=done.cpu_s,
        took_s=dict(run.took_s),
        peak_mb=done.peak_mb,
        rows={name: ref.rows for name, ref in refs.items()},
        size_bytes={name: ref.size_bytes for name, ref in refs.items()},
        artifacts={name: ref.artifact for name, ref in refs.items()},
    )


def _first(plan: Plan, runs: list[Run], events: int, signals: tuple[str, ...]) -> Run:
    """Return the first engine's run of the same."""
    return next(one for one in runs if (one.engine, one.events, one.signals) == (plan.engines[0], events, signals))


def _growth(runs: list[Run]) -> dict[str, float]:
    """Return what an event costs, over what it cost at the size before."""
    growth = {}
    for kind in dict.fromkeys(one.kind for one in runs):
        for smaller, larger in pairwise(one for one in runs if one.kind == kind):
            each = larger.seconds / larger.events / (smaller.seconds / smaller.events)
            growth[f"{kind}, {larger.events:,} to {smaller.events:,} events"] = each
    return growth


def _same_bytes(plan: Plan, runs: list[Run]) -> dict[str, dict[str, bool]]:
    """Say for each later engine which of its artifacts are the first one's, to the byte. Profiles are left out: they
    hold pseudonyms, each run has a store of its own, and each store a key.
    """
    return {
        f"{one.kind}, {one.events:,} events": {
            name: named == _first(plan, runs, one.events, one.signals).artifacts.get(name)
            for name, named in one.artifacts.items()
            if not name.startswith(profiles.KIND)
        }
        for one in runs
        if one.engine != plan.engines[0]
    }
