"""What a run tells of itself, the record of it that ``status`` and ``doctor`` read, and those of the runs before it."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from recsys.encoding import Invalid, canonical, decode
from recsys.pipelines.errors import Exceeded
from recsys.pipelines.rundir import Finding, Severity
from recsys.releases import Window
from recsys.store import Missing, Store
from recsys.store.names import is_key

__all__ = [
    "KEPT_RUNS",
    "STAGES",
    "LastRun",
    "Measured",
    "RunReport",
    "SignalReport",
    "last_run",
    "last_run_key",
    "last_runs",
    "measured",
    "past_run",
    "past_runs",
    "readable_last_run",
    "record_run",
]


STAGES = ("ingest", "validate", "compute", "publish")
"""In the order of a run."""
KEPT_RUNS = 50
"""Of a surface: seven weeks of nightly runs, in which a slow change shows; each is a few kilobytes."""


class SignalReport(msgspec.Struct, frozen=True, kw_only=True):
    """A signal's artifact for its widest scope, and the digest by scope."""

    artifact: str
    rows: int
    scopes: Mapping[str, str] = {}


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``pipelines run --json`` prints.

    ``why`` says why it shipped, or why not; ``checks`` what is not as it has to be.
    """

    tenant: str
    surface: str
    manifest: str
    window: Window
    segment: str | None = None
    generation: int | None = None
    shipped: bool = False
    why: str = ""
    signals: Mapping[str, SignalReport] = {}
    counts: Mapping[str, int] = {}
    notes: tuple[str, ...] = ()
    checks: tuple[Finding, ...] = ()
    evidence: tuple[str, ...] = ()
    undo: str = ""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What one check saw, and from where on it fails; also where it did not."""

    name: str
    seen: float
    limit: float
    ok: bool = True
    severity: Severity = "error"


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a surface, finished, failed or under way. Advisory: nothing is decided by it.

    ``stage`` is where it is or ended: ingest, validate, compute, publish, done. ``error`` is set when it failed.
    ``took_s``: seconds by stage, of those that ended or failed. ``made``: items by signal. ``checks``: what did not
    look right. ``stopped_by``: the checks or the limit that failed it, with their values. ``engine``: what computed
    the signals. ``measured``: all that its checks saw. ``run_id`` tells runs apart that began at one moment.
    """

    tenant: str
    surface: str
    stage: str
    started: str
    finished: str | None = None
    start: str = ""
    end: str = ""
    counts: Mapping[str, int] = {}
    manifest: str | None = None
    generation: int | None = None
    shipped: bool = False
    error: str | None = None
    error_code: str | None = None
    took_s: Mapping[str, float] = {}
    made: Mapping[str, int] = {}
    checks: tuple[str, ...] = ()
    stopped_by: tuple[Exceeded, ...] = ()
    engine: str = "duckdb"
    measured: tuple[Measured, ...] = ()
    run_id: str = ""

    @property
    def name(self) -> str:
        """Return what tells this run from the others of its surface; names sort as the runs began."""
        return re.sub(r"\D", "", self.started) + (f"-{self.run_id}" if self.run_id else "")

    @property
    def seconds(self) -> float:
        """Return what the stages took together, of those that ended."""
        return sum(self.took_s.values())


def measured(findings: Iterable[Finding]) -> tuple[Measured, ...]:
    """Return what is kept of findings: without their sentences, which ``checks`` and ``error`` have."""
    return tuple(
        Measured(name=one.name, seen=one.seen, limit=one.limit, ok=one.ok, severity=one.severity) for one in findings
    )


def last_run_key(tenant: str, surface: str) -> str:
    """Name the object that holds it."""
    return f"runs/{tenant}/{surface}.json"


def record_run(store: Store, run: LastRun) -> None:
    """Write the record over the one before; and beside those of the runs before, of which :data:`KEPT_RUNS` stay.

    The records of past runs lie under keys of their own, each written by its run alone, and not below the last one's:
    version 0.1.0 takes whatever lies there for the last run of a surface.
    """
    store.objects.replace(last_run_key(run.tenant, run.surface), canonical(run))
    store.objects.replace(f"{_past_folder(run.tenant, run.surface)}{run.name}.json", canonical(run), durable=False)
    if run.finished is not None:
        for key in _past_keys(store, run.tenant, run.surface)[KEPT_RUNS:]:
            store.objects.delete(key)


def past_runs(store: Store, tenant: str, surface: str, *, most: int = KEPT_RUNS) -> tuple[LastRun, ...]:
    """Return the runs of a surface, newest first, the last one among them. One that cannot be read is left out."""
    found = [run for key in _past_keys(store, tenant, surface)[:most] if (run := _past_run(store, key)) is not None]
    last = readable_last_run(store, tenant, surface)
    if last is not None and all(run.name != last.name for run in found):
        found.insert(0, last)  # a version wrote it that kept none of its past
    return tuple(sorted(found, key=lambda run: run.started, reverse=True)[:most])


def past_run(store: Store, tenant: str, surface: str, name: str) -> LastRun | None:
    """Return one run of a surface by its name; ``None`` where it is not kept, or cannot be read."""
    key = f"{_past_folder(tenant, surface)}{name}.json"
    found = _past_run(store, key) if is_key(key) else None
    last = readable_last_run(store, tenant, surface) if found is None else None
    return last if last is not None and last.name == name else found


def _past_folder(tenant: str, surface: str) -> str:
    return f"past_runs/{tenant}/{surface}/"


def _past_keys(store: Store, tenant: str, surface: str) -> list[str]:
    return sorted(store.objects.keys(_past_folder(tenant, surface)), reverse=True)


def _past_run(store: Store, key: str) -> LastRun | None:
    try:
        return decode(store.objects.read(key), LastRun, what=key)
    except (Missing, Invalid):
        return None


def last_run(store: Store, tenant: str, surface: str) -> LastRun | None:
    """Return the record of a surface's last run; ``None`` when there was none.

    Raises
    ------
    Invalid
        It cannot be read: something damaged it, or a version after this one wrote it.
    """
    key = last_run_key(tenant, surface)
    try:
        return decode(store.objects.read(key), LastRun, what=key)
    except Missing:
        return None


def readable_last_run(store: Store, tenant: str, surface: str) -> LastRun | None:
    """Return the same; ``None`` too where it cannot be read."""
    try:
        return last_run(store, tenant, surface)
    except Invalid:
        return None


def last_runs(store: Store, tenant: str) -> dict[str, LastRun | None]:
    """Return the record of every surface that a run was ever made for, shipped or not.

    ``None`` stands for one that cannot be read.
    """
    prefix = last_run_key(tenant, "")[: -len(".json")]
    surfaces = sorted(key[len(prefix) :].removesuffix(".json") for key in store.objects.keys(prefix))
    return {surface: readable_last_run(store, tenant, surface) for surface in surfaces}
