"""Canonical partitions: what streams they hold, and how an engine reads them."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from recsys.pipelines.engine import Engine, literal
from recsys.pipelines.errors import BadInput
from recsys.pipelines.rundir import Partition, RunFolder

__all__ = ["STREAMS", "open_partitions"]

STREAMS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "events": {
            "ts": "TIMESTAMP",
            "item_id": "VARCHAR",
            "event_type": "VARCHAR",
            "who": "BIGINT",
            "basket": "BIGINT",
            "surface": "VARCHAR",
            "segment": "VARCHAR",
            "request": "BIGINT",
            "event": "BIGINT",
            "is_user": "BOOLEAN",
        },
        "exposures": {
            "ts": "TIMESTAMP",
            "request": "BIGINT",
            "surface": "VARCHAR",
            "segment": "VARCHAR",
            "items": "STRUCT(item_id VARCHAR, rank INTEGER)[]",
        },
        "others": {"ts": "TIMESTAMP", "request": "BIGINT"},
        "described": {
            "item_id": "VARCHAR",
            "field": "VARCHAR",
            "value": "VARCHAR",
            "told": "BIGINT",
            "ts": "TIMESTAMP",
        },
    }
)
"""The columns of each stream. ``events``: what users did; ``event`` is kept where days are, to know one that is told
again. ``exposures``: what users were shown. ``others``: the lists that bots and staff were shown. ``described``: what
rows of events tell of an item, and how often."""


def open_partitions(
    engine: Engine,
    folder: RunFolder,
    partitions: Iterable[Partition],
    *,
    streams: Iterable[str] = ("events", "exposures"),
    prefix: str = "canonical",
) -> None:
    """Make the views ``<prefix>_<stream>``; events also have ``day``, counted from 1970-01-01."""
    partitions = tuple(partitions)
    for stream in streams:
        paths = [folder.partition(part) for part in partitions if part.stream == stream]
        for path in paths:
            if not path.exists():
                raise BadInput(f"{path} is gone", next_step="ingest again: recsys pipelines ingest")
        rows = f"(SELECT {_nothing(stream)} LIMIT 0)"
        if paths:
            names = ", ".join(literal(str(path)) for path in paths)
            rows = f"read_parquet([{names}], hive_partitioning = false)"
        day = ", datediff('day', DATE '1970-01-01', ts) AS day" if stream == "events" else ""
        engine.run(f"CREATE OR REPLACE VIEW {prefix}_{stream} AS SELECT *{day} FROM {rows}")  # noqa: S608 - our own paths


def _nothing(stream: str) -> str:
    return ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in STREAMS[stream].items())
