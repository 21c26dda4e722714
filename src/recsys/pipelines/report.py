"""What a run tells of itself, and the record of it that ``status`` and ``doctor`` read."""

from collections.abc import Mapping

import msgspec

from recsys.encoding import canonical, decode
from recsys.releases import Window
from recsys.store import Missing, Store

__all__ = ["LastRun", "RunReport", "SignalReport", "last_run", "last_run_key", "record_run"]


class SignalReport(msgspec.Struct, frozen=True, kw_only=True):
    """A signal's artifact for its widest scope, and the digest by scope."""

    artifact: str
    rows: int
    scopes: Mapping[str, str] = {}


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``pipelines run --json`` prints. ``why`` says why it shipped, or why not."""

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
    evidence: tuple[str, ...] = ()
    undo: str = ""


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """The last run of a surface, finished, failed or under way. Advisory: nothing is decided by it.

    ``stage`` is where it is or ended: ingest, validate, compute, publish, done. ``error`` is set when it failed.
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
