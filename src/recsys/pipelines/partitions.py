"""Canonical partitions as relations an engine can read."""

from collections.abc import Sequence

from recsys.pipelines.engine import Engine, literal
from recsys.pipelines.errors import BadInput
from recsys.pipelines.rundir import Partition, RunFolder

__all__ = ["open_partitions"]

_EMPTY = {
    "events": "CAST(NULL AS INTEGER) AS day, CAST(NULL AS TIMESTAMP) AS ts, "
    "CAST(NULL AS VARCHAR) AS item_id, CAST(NULL AS VARCHAR) AS event_type, "
    "CAST(NULL AS BIGINT) AS who, CAST(NULL AS BIGINT) AS basket, CAST(NULL AS VARCHAR) AS surface, "
    "CAST(NULL AS VARCHAR) AS segment, CAST(NULL AS BIGINT) AS request",
    "exposures": "CAST(NULL AS BIGINT) AS request, CAST(NULL AS VARCHAR) AS surface, CAST(NULL AS VARCHAR) AS segment, "
    "CAST(NULL AS STRUCT(item_id VARCHAR, rank INTEGER)[]) AS items",
}


def open_partitions(engine: Engine, folder: RunFolder, partitions: Sequence[Partition]) -> None:
    """Make the views ``canonical_events`` (with ``day``, counted from 1970-01-01) and ``canonical_exposures``."""
    for stream, empty in _EMPTY.items():
        paths = [folder.partition(stream, part.day) for part in partitions if part.stream == stream]
        for path in paths:
            if not path.exists():
                raise BadInput(f"{path} is gone", next_step="ingest again: recsys pipelines ingest")
        rows = f"(SELECT {empty} LIMIT 0)"
        if paths:
            names = ", ".join(literal(str(path)) for path in paths)
            rows = f"read_parquet([{names}], hive_partitioning = false)"
        day = ", datediff('day', DATE '1970-01-01', ts) AS day" if stream == "events" and paths else ""
        engine.run(f"CREATE OR REPLACE VIEW canonical_{stream} AS SELECT *{day} FROM {rows}")  # noqa: S608 - our own paths
