"""Compute: canonical events become one artifact per signal and scope, checked before anyone sees it."""

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from recsys.encoding import convert, did_you_mean, digest
from recsys.errors import UsageError
from recsys.pipelines.engine import Engine, day_number, literal, open_engine
from recsys.pipelines.limits import Limits, check_limit
from recsys.pipelines.partitions import open_partitions
from recsys.pipelines.rundir import Computed, Ingested, Made, RunFolder, Validated
from recsys.progress import Progress, silent
from recsys.signals import SIGNALS, Heading, Rows, Signal
from recsys.signals.artifact import Scope
from recsys.store.columns import Columns

__all__ = ["choose_signals", "compute"]


def compute(
    folder: Path,
    *,
    signals: Iterable[str] | None = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    limits: Limits | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> Computed:
    """Compute signals from the events in ``folder``.

    Parameters
    ----------
    signals
        Their names; all by default.
    params
        By signal, what differs from the defaults: the tenant's config has it under ``signals``.
    threads
        How many the engine may use; the artifacts are the same to the byte with any number.
    """
    limits = limits or Limits()
    run = RunFolder(folder)
    made = run.read("ingest", Ingested, wanted_by="compute")
    run.read("validate", Validated, wanted_by="compute")
    run.forget("compute")
    chosen = choose_signals(signals)
    parsed = {s.name: convert(dict((params or {}).get(s.name, {})), s.Params, what=f"signals.{s.name}") for s in chosen}
    artifacts: list[Made] = []
    notes: list[str] = []
    with open_engine(folder=folder, threads=threads) as engine:
        with progress("number events"):
            _number(engine, run, made)
        with progress("compute", total=sum(len(signal.scopes) for signal in chosen)) as advance:
            computation = _Computation(engine, made, folder, limits)
            for signal in chosen:
                for scope in signal.scopes:
                    done = computation.artifact(signal, parsed[signal.name], scope)
                    if isinstance(done, Made):
                        artifacts.append(done)
                    elif done:
                        notes.append(done)
                    advance(1)
    computed = Computed(artifacts=tuple(artifacts), notes=tuple(notes))
    run.write("compute", computed)
    return computed


def choose_signals(names: Iterable[str] | None) -> list[Signal]:
    """Return the signals of these names, in the order of the registry; all of them for ``None``."""
    wanted = list(SIGNALS) if names is None else list(dict.fromkeys(names))
    for name in wanted:
        if name not in SIGNALS:
            raise UsageError(f"there is no signal `{name}`", next_step=did_you_mean(name, SIGNALS))
    if not wanted:
        raise UsageError("no signal was asked for", next_step=f"known: {', '.join(SIGNALS)}")
    return [signal for name, signal in SIGNALS.items() if name in wanted]


def _number(engine: Engine, run: RunFolder, made: Ingested) -> None:
    """Make the tables signals read, for the whole tenant."""
    open_partitions(engine, run, made.partitions)
    for name, script in (
        ("items", "items"),
        ("lists", "lists"),
        ("tenant_events", "dense_events"),
        ("tenant_exposures", "dense_exposures"),
    ):
        engine.make(name, engine.script(script))


class _Computation:
    """What computing every signal of one run shares."""

    def __init__(self, engine: Engine, made: Ingested, folder: Path, limits: Limits) -> None:
        self._engine = engine
        self._made = made
        self._folder = folder
        self._limits = limits

    def artifact(self, signal: Signal, params: msgspec.Struct, scope: Scope) -> Made | str:
        """Compute one signal for one scope; a text says why there is none ('' when nobody asked for the scope)."""
        made = self._made
        inside = _inside(scope, made)
        if inside is None:
            return ""
        for stream in ("events", "exposures"):
            view = f"CREATE OR REPLACE VIEW {stream} AS SELECT * FROM tenant_{stream} WHERE {inside}"  # noqa: S608 - ours
            self._engine.run(view)
        rows = self._rows(signal, params)
        few = _too_few(signal, params, scope, rows)
        if few is not None:
            where = f"{scope} {made.surface if scope == 'surface' else made.segment}"
            return few if scope == "tenant" else f"the tenant's {signal.name} answers for {where}: {few}"
        if signal.name == "cooc":
            check_limit("neighbours", seen=len(rows["item_id"]), limits=self._limits)
        heading = Heading(
            tenant=made.tenant,
            start=made.start,
            end=made.end,
            scope=scope,
            surface=None if scope == "tenant" else made.surface,
            segment=made.segment if scope == "segment" else None,
            params=msgspec.to_builtins(params),
        )
        return self._finish(signal, rows, heading)

    def _rows(self, signal: Signal, params: msgspec.Struct) -> Rows:
        """Run a signal's definition, each step a table, and drop them again."""
        first, last = (datetime.date.fromisoformat(day) for day in (self._made.start, self._made.end))
        tables = signal.tables(params, last_day=day_number(last), days=(last - first).days + 1)
        for name, small in tables.items():
            self._engine.table(name, small)
        steps = signal.steps()
        result = steps.pop("result")
        for name, select in steps.items():
            self._engine.make(name, select)
        rows = self._engine.arrays(result)
        for name in (*tables, *steps):
            self._engine.run(f"DROP TABLE {name}")
        return rows

    def _finish(self, signal: Signal, rows: Rows, heading: Heading) -> Made:
        """Write the artifact, within limits and checked, into the folder."""
        blob = signal.finish(rows, heading)
        check_limit("artifact_bytes", seen=len(blob), limits=self._limits)
        opened = Columns(blob, where=signal.name)
        signal.check(opened, tenant=heading.tenant)
        file = f"{signal.name}.{heading.scope}.bin"
        (self._folder / file).write_bytes(blob)
        return Made(
            signal=signal.name,
            scope=heading.scope,
            segment=heading.segment,
            file=file,
            digest=digest(blob),
            rows=len(opened.strings("items")),
            size_bytes=len(blob),
            params=dict(heading.params),
        )


def _inside(scope: Scope, made: Ingested) -> str | None:
    """Write which events a scope sees; ``None`` for a segment when the run has none."""
    if scope == "tenant":
        return "true"
    surface = f"surface = {literal(made.surface)}"
    if scope == "surface":
        return surface
    return None if made.segment is None else f"{surface} AND segment = {literal(made.segment)}"


def _too_few(signal: Signal, params: msgspec.Struct, scope: Scope, rows: Rows) -> str | None:
    """Say why these rows make no artifact; ``None`` when they do."""
    if not len(rows["item_id"]):
        return f"{signal.name} has no evidence in these events"
    needed = getattr(params, "min_scope_votes", 0)
    if scope != "tenant" and "votes" in rows and int(rows["votes"].sum()) < needed:
        return f"{int(rows['votes'].sum())} user-days, and {needed} are needed"
    return None
