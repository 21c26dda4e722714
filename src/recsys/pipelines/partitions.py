"""Canonical partitions as relations an engine can read."""

from collections.abc import Sequence

from recsys.pipelines.engines import SignalEngine
from recsys.pipelines.errors import BadInput
from recsys.pipelines.rundir import Partition, RunFolder

__all__ = ["open_partitions"]

_COLUMNS = {
    "events": {
        "ts": "TIMESTAMP",
        "item_id": "VARCHAR",
        "event_type": "VARCHAR",
        "who": "BIGINT",
        "basket": "BIGINT",
        "surface": "VARCHAR",
        "segment": "VARCHAR",
        "request": "BIGINT",
    },
    "exposures": {
        "request": "BIGINT",
        "surface": "VARCHAR",
        "segment": "VARCHAR",
        "items": "STRUCT(item_id VARCHAR, rank INTEGER)[]",
    },
}
_DAY_US = 24 * 60 * 60 * 1_000_000


def open_partitions(engine: SignalEngine, folder: RunFolder, partitions: Sequence[Partition]) -> None:
    """Make the views ``canonical_events`` (with ``day``, counted from 1970-01-01) and ``canonical_exposures``."""
    for stream, columns in _COLUMNS.items():
        paths = [folder.partition(stream, part.day) for part in partitions if part.stream == stream]
        for path in paths:
            if not path.exists():
                raise BadInput(f"{path} is gone", next_step="ingest again: recsys pipelines ingest")
        engine.files(f"{stream}_files", paths, columns)
    day = f"CAST((epoch_us(ts) - epoch_us(ts) % {_DAY_US}) / {_DAY_US} AS INTEGER) AS day"
    engine.view("canonical_events", f"SELECT *, {day} FROM events_files")  # noqa: S608 - ours
    engine.view("canonical_exposures", "SELECT * FROM exposures_files")
