"""Reports of other commands that are evidence here: a drill's, and a load test's."""

from pathlib import Path
from typing import TypeVar

import msgspec

from recsys.encoding import Invalid, decode, parse_rfc3339

__all__ = ["Drill", "DrillReport", "DrilledAct", "Load", "LoadReport", "read_drills", "read_load"]

_MOST_BYTES = 16 << 20
"""A report of many scenarios takes a few hundred kilobytes."""

_R = TypeVar("_R")


class DrilledAct(msgspec.Struct, frozen=True, kw_only=True):
    """One incident of a drill: the lever that ended it, and its runbook."""

    command: str | None = None
    runbook: str | None = None


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """One drill of a report, as far as it is evidence."""

    name: str
    passed: bool
    acts: tuple[DrilledAct, ...] = ()

    @property
    def said(self) -> str:
        """Its name, levers and runbooks, to look for words in."""
        return " ".join([self.name, *(f"{act.command} {act.runbook}" for act in self.acts)])


class DrillReport(msgspec.Struct, frozen=True, kw_only=True):
    """``drill.v1``: what was broken on purpose, found and mended. ``at`` is RFC 3339."""

    schema: str
    at: str
    passed: bool
    scenarios: tuple[Drill, ...]

    @property
    def at_s(self) -> float:
        return parse_rfc3339(self.at, what="drill report")


class _Figures(msgspec.Struct, frozen=True, kw_only=True):
    rps: float
    p99_ms: float
    errors: int


class _Measured(msgspec.Struct, frozen=True, kw_only=True):
    report: _Figures


class _Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What ``recsys bench serve --json`` printed, as far as it is evidence."""

    open_loop: _Measured
    easy: _Measured


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """The open-loop load: the rate is what users bring, whatever the service answers."""

    rps: float
    p99_ms: float
    errors: int


class LoadReport(msgspec.Struct, frozen=True, kw_only=True):
    """A load test. ``at_s``: when its file was written, because it bears no date."""

    load: Load
    at_s: float


def read_drills(path: Path) -> DrillReport:
    """Read a drill report; raises ``Invalid`` for another file."""
    found = _read(path, DrillReport, "drill report")
    if found.schema != "drill.v1":
        raise Invalid(f"drill report {path}", f"its schema is {found.schema[:40]!r}", suggestion="this reads drill.v1")
    _ = found.at_s
    return found


def read_load(path: Path) -> LoadReport:
    """Read the report of a load test; raises ``Invalid`` for another file."""
    found = _read(path, _Bench, "load report")
    figures = found.open_loop.report
    load = Load(rps=figures.rps, p99_ms=figures.p99_ms, errors=figures.errors + found.easy.report.errors)
    return LoadReport(load=load, at_s=path.stat().st_mtime)


def _read(path: Path, kind: type[_R], what: str) -> _R:
    named = f"{what} {path}"
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise Invalid(named, "larger than 16 MiB", suggestion=f"is this a {what}?")
        return decode(path.read_bytes(), kind, what=named)
    except OSError as error:
        raise Invalid(named, str(error.strerror), suggestion="check the path") from None
