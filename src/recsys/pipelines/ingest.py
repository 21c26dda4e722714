"""Ingest: events of any accepted shape become canonical events of one window, or the run stops and says why."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from recsys.access import Pseudonyms, load_directory
from recsys.catalog import Item, pack_catalog, read_catalog
from recsys.encoding import digest
from recsys.pipelines.canonical import (
    Days,
    drop_duplicates,
    drop_told_before,
    name_people,
    write_people,
    write_stream,
)
from recsys.pipelines.derived_catalog import derive_items, describe
from recsys.pipelines.engine import MEMORY_LIMIT, Engine, open_engine
from recsys.pipelines.erased import drop_erased, erased_users, with_ids
from recsys.pipelines.errors import BadInput
from recsys.pipelines.faults import Tally
from recsys.pipelines.kept import Incremental, KeptDays, kept_days, no_days
from recsys.pipelines.limits import Limits, check_limit
from recsys.pipelines.mapped import catalog_columns
from recsys.pipelines.mapping import EventMapping, read_mapping
from recsys.pipelines.partitions import open_partitions
from recsys.pipelines.rundir import Ingested, Partition, RunFolder
from recsys.pipelines.sources import FileEvents, find_files, laid_down, source_of
from recsys.pipelines.staging import frame_file, readings_of, stage
from recsys.pipelines.target import Target
from recsys.progress import Progress, silent
from recsys.store import check_name

__all__ = ["Events", "Ids", "day", "ingest"]

Ids = Literal["raw", "pseudonymous"]
Events = str | Path | Iterable[str | Path] | Any
"""Files and globs, here or in a bucket; a data frame; or a source."""


def ingest(
    target: Target,
    *,
    surface: str,
    events: Events,
    start: str | datetime.date,
    end: str | datetime.date,
    folder: Path,
    incremental: Incremental | None = None,
    segment: str | None = None,
    catalog: str | Path | Iterable[str | Path] | None = None,
    mapping: str | Path | Mapping[str, Any] | EventMapping | None = None,
    ids: Ids = "raw",
    max_bad_rate: float = 0.0,
    limits: Limits | None = None,
    threads: int | None = None,
    memory: str = MEMORY_LIMIT,
    progress: Progress = silent,
) -> Ingested:
    """Read events of UTC days ``start`` to ``end``, both included, into ``folder``.

    Parameters
    ----------
    folder
        Where the run keeps what it makes; made when absent.
    incremental
        Read only what the folder does not hold yet of the window, and keep its days for the next run.
    ids
        ``raw``: user and anonymous ids are hashed with the tenant's key on the way in, except in rows that
        carry a ``key_id``. ``pseudonymous``: all are hashed already.
    max_bad_rate
        Share of rows that may be bad and are then left out; one more stops the run.
    memory
        What the engine may hold before it spills to disk.

    Raises
    ------
    BadInput
        No file, a file in no known shape, a bad row (file, line, reason), nothing left inside the window.
    LimitExceeded
        More than ``limits`` allow.
    """
    check_name(surface, what="surface")
    if segment is not None:
        check_name(segment, what="segment")
    limits = limits or Limits()
    window = _window(start, end, limits)
    described = None if mapping is None else read_mapping(mapping)
    if described is not None and described.catalog is not None and catalog is not None:
        raise BadInput("the catalogue is given twice, as a file and in the mapping", next_step="leave one of them out")
    pseudonyms = load_directory(target.store).tenant(target.tenant).pseudonyms
    erased = erased_users(target)
    run = RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    run.forget("ingest", "validate", "compute")
    source = source_of(events)
    with open_engine(folder=folder, threads=threads, memory_limit=memory) as engine, ExitStack() as fetching:
        feed = FileEvents.feed if source is None else source.feed
        basis = _basis(engine, target, pseudonyms.key_id, described, ids) | {"feed": feed}
        kept = no_days(run, window) if incremental is None else kept_days(run, window, incremental, basis=basis)
        days, since = kept.reading, kept.position
        fetched = fetching.enter_context(
            laid_down(source, run.fetched, first=days.first, last=days.last, since=since, progress=progress)
        )
        files = fetched.files if source else (frame_file(events, engine=engine, folder=run.fetched),)
        check_limit("files", seen=len(files), limits=limits)
        readings = readings_of(
            files,
            engine,
            described,
            tenant=target.tenant,
            tenant_key=pseudonyms.key_id,
            raw_ids=ids == "raw",
            one_shape=feed != FileEvents.feed,
        )
        readings = [with_ids(reading) for reading in readings] if erased else readings
        tally = stage(engine, readings, described, progress=progress)
        tally.check(engine, max_bad_rate=max_bad_rate)
        with progress("canonicalise"):
            kept.open(engine, erased=erased, adds=not fetched.whole_days)
            counts = {"files": len(files), "rows": tally.rows, "bad": tally.bad}
            counts |= _tidy(engine, kept, erased, pseudonyms)
            counts["users"] = write_people(engine, run)
            written, left_out = _write_days(engine, run, kept, described, window=window)
            partitions = kept.earlier + written
            counts |= left_out | _totals(partitions)
            span = _span(engine)
            _check_something_left(counts, tally, span, window)
            for which in ("users", "events", "exposures"):
                check_limit(which, seen=counts[which], limits=limits)
            run.settle(written)
            if incremental is not None:
                # files read beside an event from after the window may hold more of its day: they are read again
                later = span[1] is not None and span[1].date() > window.last
                position = since or {} if later and feed == FileEvents.feed else fetched.position
                kept.save(written, position=position, erased=erased)
            run.sweep(partitions)
            open_partitions(engine, run, partitions, streams=("described",))
            catalogue = _catalog(engine, catalog, described, surface=surface)
    made = Ingested(
        tenant=target.tenant,
        surface=surface,
        segment=segment,
        start=str(window.first),
        end=str(window.last),
        partitions=partitions,
        counts=counts,
        dropped=dict(tally.dropped),
        problems=dict(tally.problems),
        key_id=pseudonyms.key_id,
    )
    made = _written(made, catalogue, run=run, limits=limits)
    if source is not None and fetched.position:
        source.confirm(fetched.position)
    return made


def _tidy(engine: Engine, kept: KeptDays, erased: frozenset[str], pseudonyms: Pseudonyms) -> dict[str, int]:
    """Take out of the staged rows what is told twice and what erased users did; and number who is left."""
    counts = {"duplicates": drop_duplicates(engine)}
    if kept.keeps:
        counts["duplicates"] += drop_told_before(engine, kept.reading)
    if erased:
        counts |= drop_erased(engine, erased, pseudonyms)
    name_people(engine, pseudonyms)
    return counts


def _written(made: Ingested, catalogue: list[Item], *, run: RunFolder, limits: Limits) -> Ingested:
    """Lay the catalogue down beside the events, if there is one, and the record of both."""
    if catalogue:
        check_limit("items", seen=len(catalogue), limits=limits)
        blob = pack_catalog(catalogue, tenant=made.tenant)
        (run.path / "catalog.bin").write_bytes(blob)
        made = replace(made, catalog=digest(blob), catalog_items=len(catalogue), catalog_bytes=len(blob))
    run.write("ingest", made)
    return made


def _write_days(
    engine: Engine, run: RunFolder, kept: KeptDays, mapping: EventMapping | None, *, window: Days
) -> tuple[tuple[Partition, ...], dict[str, int]]:
    """Write the days that were read; return their partitions, and how many rows fell away for which reason."""
    inside, within = kept.reading.inside(), window.inside()
    engine.make("others_lists", engine.script("others_lists"))
    streams = {
        "events": engine.script("events", inside=inside, event="s.event" if kept.keeps else "CAST(NULL AS BIGINT)"),
        "exposures": engine.script("exposures", inside=inside),
    }
    if kept.keeps:
        streams["others"] = engine.script("others", inside=inside)
    if catalog_columns(mapping):
        streams["described"] = describe(engine, mapping, inside=inside)
    written = [
        part for name, select in streams.items() for part in write_stream(engine, run, name, select, kept.reading)
    ]
    left_out = engine.named(engine.script("events_left_out", inside=inside, window=within))
    left_out |= engine.named(engine.script("exposures_left_out", window=within))
    too_late = left_out.pop("earlier_days")
    if kept.adds:
        left_out["too_late"] = too_late
    return tuple(written), left_out


def _basis(engine: Engine, target: Target, key_id: str, mapping: EventMapping | None, ids: Ids) -> dict[str, Any]:
    """Return what kept days must share with new ones; the engine's hash may change with its version."""
    return {
        "tenant": target.tenant,
        "key_id": key_id,
        "mapping": None if mapping is None else msgspec.to_builtins(mapping),
        "ids": ids,
        "hash": str(engine.value("SELECT hash('recsys')")),
    }


def _totals(partitions: Sequence[Partition]) -> dict[str, int]:
    """Count what the window holds, kept days and new."""
    events = [part for part in partitions if part.stream == "events"]
    return {
        "events": sum(part.rows for part in events),
        "anonymous": sum(part.anonymous for part in events),
        "exposures": sum(part.rows for part in partitions if part.stream == "exposures"),
    }


def day(value: str | datetime.date, *, what: str) -> datetime.date:
    """Read a UTC day such as ``2026-11-22``."""
    if isinstance(value, datetime.datetime):
        raise BadInput(f"{what} is a moment, not a day: {value}", next_step="give a day such as 2026-11-22")
    if isinstance(value, datetime.date):
        return value
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        raise BadInput(f"{what} `{value}` is not a day", next_step="write it as 2026-11-22 (UTC)") from None


def _window(start: str | datetime.date, end: str | datetime.date, limits: Limits) -> Days:
    first, last = day(start, what="start"), day(end, what="end")
    if first > last:
        raise BadInput(f"start {first} is after end {last}", next_step="swap them")
    days = Days(first, last)
    check_limit("days", seen=len(days), limits=limits)
    return days


def _span(engine: Engine) -> tuple[Any, Any]:
    row = engine.rows("SELECT min(ts), max(ts) FROM staged WHERE verdict = 0")[0]
    return row[0], row[1]


def _catalog(
    engine: Engine,
    given: str | Path | Iterable[str | Path] | None,
    mapping: EventMapping | None,
    *,
    surface: str,
) -> list[Item]:
    if given is not None:
        paths = find_files([given] if isinstance(given, str | Path) else given)
        return read_catalog(paths, surface=surface)
    if mapping is not None and mapping.catalog is not None:
        return derive_items(engine, mapping)
    return []


def _check_something_left(counts: Mapping[str, int], tally: Tally, span: tuple[Any, Any], days: Days) -> None:
    if counts["events"]:
        return
    if tally.rows == 0:
        raise BadInput("the files hold no rows", next_step="check that the export ran")
    fell = {
        **tally.dropped,
        **{name: counts[name] for name in ("outside_window", "list_views", "without_anyone", "events_not_by_users")},
        "events_of_erased": counts.get("events_of_erased", 0),
    }
    told = ", ".join(f"{n} {name}" for name, n in fell.items() if n) or "they are exposures only"
    lie = f"; the events lie between {span[0]} and {span[1]}" if counts["outside_window"] else ""
    raise BadInput(
        f"no events between {days}: of {tally.rows} rows, {told}{lie}",
        next_step="check the window, the filters, and who acts in the events",
    )
