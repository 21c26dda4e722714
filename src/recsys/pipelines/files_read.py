"""Which files an incremental run need not read: those that hold nothing of the days it reads."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recsys.pipelines.kept import KeptDays

__all__ = ["FILES", "files_read", "unread"]

FILES = "files"
"""What positions of files stand under."""


def unread(paths: Sequence[Path], kept: KeptDays) -> list[Path]:
    """Return the files that may hold something of the days that are read: all but those that are as they were when a
    run read them which ended before these days and found nothing later in them.
    """
    known = kept.position(FILES) or {}
    return [path for path in paths if not _known(path, known) or known[str(path)][2] >= str(kept.reading.first)]


def files_read(paths: Sequence[Path], kept: KeptDays, latest: datetime.datetime | None) -> Mapping[str, Any]:
    """Return the position: by path its size, its time of change in ns, and the last day it can hold.

    ``latest``: the newest event of all that was read. Files that were read beside one from after the window are not
    remembered: nobody knows which of them it was in.
    """
    known = kept.position(FILES) or {}
    last = kept.reading.last
    position = {str(path): known[str(path)] for path in paths if _known(path, known)}
    if latest is None or latest.date() <= last:
        position |= {str(path): [*_state(path), str(last)] for path in paths if str(path) not in position}
    return position


def _known(path: Path, known: Mapping[str, Any]) -> bool:
    return str(path) in known and known[str(path)][:2] == _state(path)


def _state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
