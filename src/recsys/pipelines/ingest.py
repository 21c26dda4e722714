"""Ingest: files of any accepted shape become canonical events of one window, or the run stops and says why."""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from recsys.access import load_directory
from recsys.catalog import Item, pack_catalog, read_catalog
from recsys.encoding import digest
from recsys.pipelines.canonical import Days, drop_duplicates, name_people, write_events, write_exposures, write_people
from recsys.pipelines.derived_catalog import derive_items
from recsys.pipelines.engine import MEMORY_LIMIT, Engine, EngineFailed, literal, open_engine
from recsys.pipelines.erased import ERASABLE, drop_erased, erased_users, with_ids
from recsys.pipelines.errors import BadInput
from recsys.pipelines.faults import Tally, judge
from recsys.pipelines.limits import Limits, check_limit
from recsys.pipelines.mapped import CATALOG_PREFIX, catalog_columns, read_mapped
from recsys.pipelines.mapping import EventMapping, read_mapping
from recsys.pipelines.own_schema import (
    EVENT_COLUMNS,
    EVENT_TYPES,
    EXPOSURE_COLUMNS,
    EXPOSURE_TYPES,
    read_events,
    read_exposures,
)
from recsys.pipelines.reading import Reading, rows_of
from recsys.pipelines.rundir import Ingested, RunFolder
from recsys.pipelines.sources import Source, find_files, format_of, sniff
from recsys.pipelines.target import Target
from recsys.progress import Progress, silent
from recsys.signals import SmallTable
from recsys.store import check_name

__all__ = ["Events", "Ids", "day", "ingest"]

Ids = Literal["raw", "pseudonymous"]
Events = str | Path | Iterable[str | Path] | Any
"""Files and globs, or a data frame."""


def ingest(
    target: Target,
    *,
    surface: str,
    events: Events,
    start: str | datetime.date,
    end: str | datetime.date,
    folder: Path,
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
    days = _window(start, end, limits)
    described = None if mapping is None else read_mapping(mapping)
    if described is not None and described.catalog is not None and catalog is not None:
        raise BadInput("the catalogue is given twice, as a file and in the mapping", next_step="leave one of them out")
    pseudonyms = load_directory(target.store).tenant(target.tenant).pseudonyms
    erased = erased_users(target)
    run = RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    run.forget("ingest", "validate", "compute")
    with open_engine(folder=folder, threads=threads, memory_limit=memory) as engine:
        sources = _sources(events, engine=engine, folder=folder, mapped=described is not None, limits=limits)
        readings = [
            _reading(group, engine, described, target.tenant, pseudonyms.key_id, raw_ids=ids == "raw")
            for group in _groups(sources)
        ]
        readings = [with_ids(reading) for reading in readings] if erased else readings
        tally = _stage(engine, readings, described, progress=progress)
        tally.check(engine, max_bad_rate=max_bad_rate)
        with progress("canonicalise"):
            counts = {"files": len(sources), "rows": tally.rows, "bad": tally.bad}
            counts["duplicates"] = drop_duplicates(engine)
            counts |= drop_erased(engine, erased, pseudonyms.of) if erased else {}
            counts["users"] = name_people(engine, pseudonyms.of)
            write_people(engine, run)
            check_limit("users", seen=counts["users"], limits=limits)
            span = _span(engine)
            catalogue = _catalog(engine, catalog, described, surface=surface, days=days)
            event_parts, event_counts = write_events(engine, run, days)
            exposure_parts, exposure_counts = write_exposures(engine, run, days)
    counts |= {"events": sum(p.rows for p in event_parts), **event_counts}
    counts |= {"exposures": sum(p.rows for p in exposure_parts), **exposure_counts}
    _check_something_left(counts, tally, span, days)
    for which in ("events", "exposures"):
        check_limit(which, seen=counts[which], limits=limits)
    blob = None
    if catalogue:
        check_limit("items", seen=len(catalogue), limits=limits)
        blob = pack_catalog(catalogue, tenant=target.tenant)
        (folder / "catalog.bin").write_bytes(blob)
    made = Ingested(
        tenant=target.tenant,
        surface=surface,
        segment=segment,
        start=str(days.first),
        end=str(days.last),
        partitions=tuple(event_parts + exposure_parts),
        counts=counts,
        dropped=dict(tally.dropped),
        problems=dict(tally.problems),
        catalog=None if blob is None else digest(blob),
        catalog_items=len(catalogue),
        catalog_bytes=0 if blob is None else len(blob),
        key_id=pseudonyms.key_id,
    )
    run.write("ingest", made)
    return made


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


def _sources(events: Events, *, engine: Engine, folder: Path, mapped: bool, limits: Limits) -> list[Source]:
    if isinstance(events, str | Path):
        events = [events]
    if not isinstance(events, list | tuple | set):
        events = [_frame(events, engine=engine, folder=folder)]
    paths = find_files(events)
    check_limit("files", seen=len(paths), limits=limits)
    return [sniff(path, parquet_fields=_parquet_fields(path, engine), mapped=mapped) for path in paths]


def _frame(frame: object, *, engine: Engine, folder: Path) -> Path:
    """Lay a data frame down as a file, so that it is read as one."""
    import duckdb

    path = folder / "frame.parquet"
    try:
        engine.register("frame", frame)
        engine.run(f"COPY (SELECT * FROM frame) TO {literal(str(path))} (FORMAT parquet)")  # noqa: S608 - our own path
    except (EngineFailed, duckdb.Error) as error:
        said = str(error).split("\n", 1)[0]
        raise BadInput(f"events are neither paths nor a data frame: {said}") from None
    return path


def _parquet_fields(path: Path, engine: Engine) -> tuple[str, ...] | None:
    if format_of(path) != "parquet":
        return None
    probe = Source(path=path, format="parquet", kind="mapped", fields=())
    try:
        return tuple(engine.columns(rows_of([probe])))
    except EngineFailed as error:
        raise BadInput(
            f"{path} cannot be read as Parquet: {error.said}", next_step="was it written to its end?"
        ) from None


def _groups(sources: Iterable[Source]) -> list[list[Source]]:
    groups: dict[tuple[object, ...], list[Source]] = defaultdict(list)
    for source in sources:
        groups[source.group()].append(source)
    return list(groups.values())


def _reading(
    group: Sequence[Source],
    engine: Engine,
    mapping: EventMapping | None,
    tenant: str,
    tenant_key: str,
    *,
    raw_ids: bool,
) -> Reading:
    if mapping is not None:
        return read_mapped(group, engine=engine, mapping=mapping, tenant_key=tenant_key, raw_ids=raw_ids)
    if group[0].kind == "interaction":
        return read_events(group, engine=engine, tenant_key=tenant_key, raw_ids=raw_ids)
    return read_exposures(group, engine=engine, tenant=tenant, raw_ids=raw_ids)


def _stage(engine: Engine, readings: Sequence[Reading], mapping: EventMapping | None, *, progress: Progress) -> Tally:
    """Read every group into the tables ``staged`` and ``staged_exposures``, judging each row."""
    events = {name: EVENT_TYPES.get(name, "VARCHAR") for name in (*EVENT_COLUMNS, "hashed")}
    catalog = {CATALOG_PREFIX + name: "DOUBLE" if name == "price" else "VARCHAR" for name in catalog_columns(mapping)}
    _table(engine, "staged", events | catalog | ERASABLE)
    exposures = {name: EXPOSURE_TYPES.get(name, "VARCHAR") for name in EXPOSURE_COLUMNS}
    _table(engine, "staged_exposures", exposures | {"by_user": "BOOLEAN"} | ERASABLE)
    tally = Tally()
    with progress("ingest", total=sum(len(reading.sources) for reading in readings)) as advance:
        for reading in readings:
            judge(engine, reading, tally)
            advance(len(reading.sources))
    return tally


def _table(engine: Engine, name: str, columns: Mapping[str, str]) -> None:
    """Make an empty table of rows that were read and judged; ``part`` is the group of files they came from."""
    engine.table(name, SmallTable((*columns.items(), ("verdict", "SMALLINT"), ("part", "INTEGER")), ()))


def _span(engine: Engine) -> tuple[Any, Any]:
    row = engine.rows("SELECT min(ts), max(ts) FROM staged WHERE verdict = 0")[0]
    return row[0], row[1]


def _catalog(
    engine: Engine,
    given: str | Path | Iterable[str | Path] | None,
    mapping: EventMapping | None,
    *,
    surface: str,
    days: Days,
) -> list[Item]:
    if given is not None:
        paths = find_files([given] if isinstance(given, str | Path) else given)
        return read_catalog(paths, surface=surface)
    if mapping is not None and mapping.catalog is not None:
        return derive_items(engine, mapping, days)
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
