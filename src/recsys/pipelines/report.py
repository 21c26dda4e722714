"""What a run tells of itself, and the record of it that ``status`` and ``doctor`` read."""

from collections.abc import Mapping

import msgspec

from recsys.encoding import canonical, decode
from recsys.pipelines.errors import Exceeded
from recsys.pipelines.rundir import Finding
from recsys.releases import Window
from recsys.store import Missing, Store

__all__ = ["STAGES", "LastRun", "RunReport", "SignalReport", "last_run", "last_run_key", "last_runs", "record_run"]


STAGES = ("ingest", "validate", "compute", "publish")
"""In the order of a run."""


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


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """The last run of a surface, finished, failed or under way. Advisory: nothing is decided by it.

    ``stage`` is where it is or ended: ingest, validate, compute, publish, done. ``error`` is set when it failed.
    ``took_s``: seconds by stage, of those that ended. ``made``: items by signal. ``checks``: what did not look right.
    ``stopped_by``: the checks or the limit that failed it, with their values. ``engine``: what computed the signals.
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


def last_run_key(tenant: str, surface: str) -> str:
    """Name the object that holds it."""
    return f"runs/{tenant}/{surface}.json"


def record_run(store: Store, run: LastRun) -> None:
    """Write the record over the one before."""
    store.objects.replace(last_run_key(run.tenant, run.surface), canonical(run))


def last_run(store: Store, tenant: str, surface: str) -> LastRun | None:
    """Return the record of a surface's last run; ``None`` when there was none."""
    key = last_run_key(tenant, surface)
    try:
        return decode(store.objects.read(key), LastRun, what=key)
    except Missing:
        return None


def last_runs(store: Store, tenant: str) -> dict[str, LastRun]:
    """Return the record of every surface that a run was ever made for, shipped or not."""
    prefix = last_run_key(tenant, "")[: -len(".json")]
    surfaces = sorted(key[len(prefix) :].removesuffix(".json") for key in store.objects.keys(prefix))
    found = {surface: last_run(store, tenant, surface) for surface in surfaces}
    return {surface: run for surface, run in found.items() if run is not None}
