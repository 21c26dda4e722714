"""Compute: canonical events become one artifact per signal and scope, checked before anyone sees it."""

import datetime
import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.catalog import open_catalog
from recsys.encoding import convert, did_you_mean, digest
from recsys.errors import UsageError
from recsys.pipelines.engine import MEMORY_LIMIT, Engine, day_number, literal
from recsys.pipelines.engines import LOCAL, EngineName, SignalEngine, open_signal_engine
from recsys.pipelines.limits import Limits, check_limit
from recsys.pipelines.partials import Partials
from recsys.pipelines.partitions import open_partitions
from recsys.pipelines.profiles import gather_profiles, pack_profiles
from recsys.pipelines.rundir import Computed, Ingested, Made, RunFolder, Validated
from recsys.progress import Progress, silent
from recsys.signals import PARAMETERS, SIGNALS, Heading, Rows, Signal, profiles
from recsys.signals.artifact import Scope
from recsys.signals.signal import reads
from recsys.store.columns import Columns

__all__ = ["choose_signals", "compute", "evidence"]


def compute(
    folder: Path,
    *,
    signals: Iterable[str] | None = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    limits: Limits | None = None,
    engine: EngineName = "duckdb",
    master: str = LOCAL,
    threads: int | None = None,
    memory: str = MEMORY_LIMIT,
    progress: Progress = silent,
) -> Computed:
    """Compute signals from the events in ``folder``.

    Parameters
    ----------
    signals
        Their names; by default all that have something to read: those of the catalogue only where there is one.
    params
        By signal, what differs from the defaults: the tenant's config has it under ``signals``.
    engine
        What runs the definitions; the artifacts do not say which it was.
    master
        Spark's master URL. Its machines must see ``folder`` under the same path.
    threads
        How many DuckDB may use; the artifacts are the same to the byte with any number.
    memory
        What DuckDB, or Spark on this machine, may hold before it spills to disk.
    """
    limits = limits or Limits()
    run = RunFolder(folder)
    made = run.read("ingest", Ingested, wanted_by="compute")
    run.read("validate", Validated, wanted_by="compute")
    run.forget("compute")
    wanted = choose_signals(signals)
    chosen = _with_something_to_read(
        [signal for name, signal in SIGNALS.items() if name in wanted], made, asked=signals is not None
    )
    parsed = {s.name: convert(dict((params or {}).get(s.name, {})), s.Params, what=f"signals.{s.name}") for s in chosen}
    artifacts: list[Made] = []
    notes: list[str] = []
    with open_signal_engine(
        engine, folder=folder, threads=threads, memory=memory, master=master, progress=progress
    ) as opened:
        with progress("number events"):
            _number(opened, run, made)
        with progress("compute", total=1 + sum(len(signal.scopes) for signal in chosen)) as advance:
            computation = _Computation(opened, made, folder, limits)
            for signal in chosen:
                for scope in signal.scopes:
                    done = computation.artifact(signal, parsed[signal.name], scope)
                    if isinstance(done, Made):
                        artifacts.append(done)
                    elif done:
                        notes.append(done)
                    advance(1)
            gathered = None
            if profiles.KIND in wanted:
                kept = convert(dict((params or {}).get(profiles.KIND, {})), profiles.Params, what="signals.profiles")
                gathered = gather_profiles(opened, kept, items=computation.item_ids, folder=folder)
            advance(1)
    if isinstance(gathered, str):
        notes.append(gathered)
    elif gathered is not None:
        artifacts.append(pack_profiles(gathered, made, folder=folder, limits=limits, progress=progress))
    computed = Computed(artifacts=tuple(artifacts), notes=tuple(notes))
    run.write("compute", computed)
    return computed


def choose_signals(names: Iterable[str] | None) -> list[str]:
    """Return these names of signals, ``profiles`` among them, in the order of the registry; all for ``None``."""
    wanted = set(PARAMETERS if names is None else names)
    for name in sorted(wanted):
        if name not in PARAMETERS:
            raise UsageError(f"there is no signal `{name}`", next_step=did_you_mean(name, PARAMETERS))
    if not wanted - {profiles.KIND}:
        raise UsageError("no signal was asked for", next_step=f"known: {', '.join(SIGNALS)}")
    return [name for name in PARAMETERS if name in wanted]


def _with_something_to_read(chosen: list[Signal], made: Ingested, *, asked: bool) -> list[Signal]:
    """Leave out what reads a catalogue when there is none; refuse that when it was asked for by name."""
    if made.catalog is not None:
        return chosen
    for signal in chosen:
        if asked and signal.reads == "catalog":
            raise UsageError(
                f"{signal.name} reads the catalogue, and this run has none", next_step="give one with --catalog"
            )
    return [signal for signal in chosen if signal.reads != "catalog"]


def evidence(
    engine: SignalEngine,
    signal: Signal,
    params: msgspec.Struct,
    *,
    ids: npt.NDArray[np.object_],
    last_day: int,
    days: int,
    daily: Callable[..., None] | None = None,
) -> Rows:
    """Run a signal's definition over the engine's ``events`` and ``exposures``, each step a table that is dropped once
    no later one reads it; and what it computes from the result, if there is any. ``ids``: of the items, by number.
    ``daily`` makes the step of that kind.
    """
    tables = signal.tables(params, last_day=last_day, days=days)
    for name, small in tables.items():
        engine.table(name, small)
    steps = signal.steps()
    result = steps.pop("result")
    left, made = [*steps.values(), result], list[str]()
    for name, select in steps.items():
        if daily is not None and name == signal.daily:
            daily(name, select, tables=tables)
        else:
            engine.make(name, select)
        made.append(name)
        left = left[1:]
        read_no_more = [one for one in made if not any(reads(later, one) for later in left)]
        engine.drop(*read_no_more)
        made = [one for one in made if one not in read_no_more]
    rows = {**engine.arrays(result), "items": ids}
    engine.drop(*tables, *made)
    return signal.compute(rows, params) if signal.compute and len(rows["item"]) else rows


def _number(engine: SignalEngine, run: RunFolder, made: Ingested) -> None:
    """Make the tables signals read, for the whole tenant."""
    open_partitions(engine, run, made.partitions)
    for name, script in (
        ("items", "items"),
        ("lists", "lists"),
        ("tenant_events", "dense_events"),
        ("tenant_exposures", "dense_exposures"),
    ):
        engine.make(name, Engine.script(script))


class _Computation:
    """What computing every signal of one run shares."""

    def __init__(self, engine: SignalEngine, made: Ingested, folder: Path, limits: Limits) -> None:
        self._engine = engine
        self._made = made
        self._folder = folder
        self._run = RunFolder(folder)
        self._limits = limits

    @functools.cached_property
    def item_ids(self) -> npt.NDArray[np.object_]:
        """The id of each item, by its number."""
        return self._engine.arrays("SELECT item_id FROM items ORDER BY item")["item_id"]

    def artifact(self, signal: Signal, params: msgspec.Struct, scope: Scope) -> Made | str:
        """Compute one signal for one scope; a text says why there is none ('' when nobody asked for the scope)."""
        made = self._made
        inside = _inside(scope, made)
        if inside is None:
            return ""
        for stream in ("events", "exposures"):
            self._engine.view(stream, _scope_of(stream, inside))
        rows = self._rows(signal, params, scope, inside)
        few = _too_few(signal, params, scope, rows)
        if few is not None:
            where = f"{scope} {made.surface if scope == 'surface' else made.segment}"
            return few if scope == "tenant" else f"the tenant's {signal.name} answers for {where}: {few}"
        if "neighbour" in rows:
            check_limit("neighbours", seen=len(rows["item"]), limits=self._limits)
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

    def _rows(self, signal: Signal, params: msgspec.Struct, scope: Scope, inside: str) -> Rows:
        """Return the rows a signal's artifact is made of."""
        made = self._made
        if signal.reads == "catalog":
            assert signal.compute is not None
            catalog = open_catalog(Columns.map(self._folder / "catalog.bin"), tenant=made.tenant)
            return signal.compute(catalog, params)
        first, last = (datetime.date.fromisoformat(day) for day in (made.start, made.end))
        daily = None
        if signal.daily is not None and self._run.keeps_days and isinstance(self._engine, Engine):
            partials = Partials(self._engine, self._run, made.partitions, signal=signal, scope=scope)
            daily = functools.partial(partials.make, events=_scope_of("events", inside))
        days = (last - first).days + 1
        return evidence(
            self._engine, signal, params, ids=self.item_ids, last_day=day_number(last), days=days, daily=daily
        )

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


def _scope_of(stream: str, inside: str) -> str:
    """Write what a scope sees of a stream."""
    return f"SELECT * FROM tenant_{stream} WHERE {inside}"  # noqa: S608 - our own words


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
    if not len(rows["item"]):
        return f"{signal.name} has no evidence in {'the catalogue' if signal.reads == 'catalog' else 'these events'}"
    needed = getattr(params, "min_scope_votes", 0)
    if scope != "tenant" and "votes" in rows and int(rows["votes"].sum()) < needed:
        return f"{int(rows['votes'].sum())} user-days, and {needed} are needed"
    return None
