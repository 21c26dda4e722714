"""Reads files of events into tables of the engine, each row judged on the way."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from recsys.pipelines.engine import Engine, EngineFailed, literal
from recsys.pipelines.erased import ERASABLE
from recsys.pipelines.errors import BadInput
from recsys.pipelines.faults import Tally, judge
from recsys.pipelines.mapped import CATALOG_PREFIX, catalog_columns, read_mapped
from recsys.pipelines.mapping import EventMapping
from recsys.pipelines.own_schema import (
    EVENT_COLUMNS,
    EVENT_TYPES,
    EXPOSURE_COLUMNS,
    EXPOSURE_TYPES,
    read_events,
    read_exposures,
)
from recsys.pipelines.reading import Reading, rows_of
from recsys.pipelines.sources import Source, format_of, sniff
from recsys.progress import Progress
from recsys.signals import SmallTable

__all__ = ["frame_file", "readings_of", "stage"]


def readings_of(
    files: Sequence[Path],
    engine: Engine,
    mapping: EventMapping | None,
    *,
    tenant: str,
    tenant_key: str,
    raw_ids: bool,
    one_shape: bool,
) -> list[Reading]:
    """Say how each group of like files is read; ``one_shape`` where all of them are of one stream of rows."""
    sources = [sniff(path, parquet_fields=_parquet_fields(path, engine), mapped=mapping is not None) for path in files]
    return [
        _reading(group, engine, mapping, tenant, tenant_key, raw_ids=raw_ids)
        for group in _groups(_of_one_shape(sources) if one_shape else sources)
    ]


def _of_one_shape(sources: Sequence[Source]) -> list[Source]:
    """Let each JSONL file of a source have the fields of all: what the few messages of a partition leave out is absent
    there, and no other schema.
    """
    fields = tuple(dict.fromkeys(name for source in sources if source.format == "jsonl" for name in source.fields))
    return [replace(source, fields=fields) if source.format == "jsonl" else source for source in sources]


def frame_file(frame: object, *, engine: Engine, folder: Path) -> Path:
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


def stage(engine: Engine, readings: Sequence[Reading], mapping: EventMapping | None, *, progress: Progress) -> Tally:
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
