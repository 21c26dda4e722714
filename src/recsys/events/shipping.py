"""Carry finished event files from a host's spool into the store."""

import os
import time
from collections.abc import Container
from pathlib import Path

import msgspec

from recsys.errors import RecsysError
from recsys.events.layout import EventFile, event_files
from recsys.events.spool import move_on, next_name, put_at
from recsys.store.port import Creation, Missing, Objects, Unavailable

__all__ = ["Shipped", "ship"]


class Shipped(msgspec.Struct, frozen=True):
    """What one round did. ``waiting`` files are kept and tried again in the next; ``problem`` says why, or
    is empty.
    """

    files: int = 0
    size_bytes: int = 0
    waiting: int = 0
    removed: int = 0
    problem: str = ""


def ship(
    root: Path, objects: Objects, *, keep_s: float, gone: Container[str] = (), now: float | None = None
) -> Shipped:
    """Copy every file under ``ready/`` to ``events/…`` in the store, read it back, and move it to
    ``shipped/``.

    Files that have been in ``shipped/`` for ``keep_s`` seconds are removed, and all files of tenants that are
    ``gone``. A store that is away costs nothing but the round: what was not verified there stays here, and one bad file
    holds up no other. Safe to repeat and to kill: the second copy finds its own first.
    """
    now = time.time() if now is None else now
    files = size = 0
    problem = ""
    ready = [file for file in event_files(root / "ready") if file.tenant not in gone]
    for file in ready:
        try:
            size += _carry(file, root, objects, now)
        except Unavailable as error:  # the rest would only wait for it too
            problem = str(error)
            break
        except (RecsysError, OSError) as error:
            problem = problem or str(error)
            continue
        files += 1
    return Shipped(files, size, len(ready) - files, _remove_old(root, keep_s, gone, now), problem)


def _carry(file: EventFile, root: Path, objects: Objects, now: float) -> int:
    data = file.path.read_bytes()
    while True:
        key = f"events/{file.place}"
        created = objects.create(key, data) is Creation.CREATED
        try:
            stands = objects.read(key)
        except Missing:
            raise OSError(f"{objects.name} took {key} and does not have it") from None
        if stands == data:
            if not created:
                objects.confirm(key)  # who made it may have died before it was durable
            break
        if created:
            raise OSError(f"{objects.name} gives back other bytes for {key} than it was given")
        file = _renamed(file)  # another file took this name, under a clock that was set back
    moved = move_on(file, root, "shipped")
    os.utime(moved, (now, now))
    return len(data)


def _renamed(file: EventFile) -> EventFile:
    return msgspec.structs.replace(file, path=put_at(file.path, next_name(file.path)))


def _remove_old(root: Path, keep_s: float, gone: Container[str], now: float) -> int:
    old = [file for file in event_files(root / "shipped") if now - file.path.stat().st_mtime >= keep_s]
    kept = (file for state in ("ready", "shipped") for file in event_files(root / state))
    removed = [*old, *(file for file in kept if file.tenant in gone and file not in old)]
    for file in removed:
        file.path.unlink(missing_ok=True)
    return len(removed)
