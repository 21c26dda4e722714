"""Canonical partitions: what streams they hold, and how an engine reads them."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from recsys.pipelines.engines import SignalEngine
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

_DAY_US = 24 * 60 * 60 * 1_000_000
_DAY = f"CAST((epoch_us(ts) - epoch_us(ts) % {_DAY_US}) / {_DAY_US} AS INTEGER)"
"""As both engines say it."""


def open_partitions(
    engine: SignalEngine,
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
        engine.files(f"{prefix}_{stream}_files", paths, STREAMS[stream])
        day = f", {_DAY} AS day" if stream == "events" else ""
        engine.view(f"{prefix}_{stream}", f"SELECT *{day} FROM {prefix}_{stream}_files")  # noqa: S608 - our own names
