"""Where events lie: the same names under a host's spool and under a store's ``events/``.

``<tenant>/<stream>/dt=2026-11-22/<host>-<worker>-<n>.jsonl``. The day is the UTC day of writing, a label for
people and for pruning; order and windows come from the events themselves.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

import msgspec

__all__ = ["STATES", "STREAMS", "EventFile", "Stream", "event_files", "utc_day"]

Stream = Literal["exposures", "outcomes", "interactions", "assignments"]
STREAMS: tuple[Stream, ...] = get_args(Stream)

STATES = ("open", "ready", "shipped")
"""The folders of a spool: being written, waiting to be shipped, in the store and kept for a while."""

_PLACE = re.compile(
    r"(?P<tenant>[a-z0-9][a-z0-9_-]*)/(?P<stream>[a-z]+)/dt=(?P<day>\d{4}-\d\d-\d\d)/(?P<name>[^/]+\.jsonl)$"
)


class EventFile(msgspec.Struct, frozen=True):
    """One file of events and what its place says about it. ``growing``: a writer may still append to it."""

    path: Path
    tenant: str
    stream: Stream
    day: str
    growing: bool = False

    @property
    def place(self) -> str:
        """Return the path below the spool's state folder, which is also the key below ``events/`` in a
        store.
        """
        return f"{self.tenant}/{self.stream}/dt={self.day}/{self.path.name}"


def utc_day(seconds: float) -> str:
    """Name the UTC day of a moment in seconds since 1970: ``2026-11-22``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def event_files(root: Path, *, tenant: str | None = None, stream: Stream | None = None) -> list[EventFile]:
    """List event files below a spool, one of its state folders, or a store's ``events`` directory, sorted by
    place.

    A file that is renamed from one state to the next while this looks is listed once.
    """
    found: dict[str, EventFile] = {}
    for state in (*STATES, ""):  # in the order a file moves, so that none slips past between two looks
        for file in _files(root / state):
            if (tenant in (None, file.tenant)) and (stream in (None, file.stream)):
                found[file.place] = file
    return [found[place] for place in sorted(found)]


def _files(folder: Path) -> Iterator[EventFile]:
    for path in folder.glob("*/*/dt=*/*.jsonl"):
        match = _PLACE.search(PurePosixPath(path).as_posix())
        if match is None or match["stream"] not in STREAMS:
            continue
        growing = folder.name == "open"
        yield EventFile(path, match["tenant"], match["stream"], match["day"], growing)
