"""Snapshots of the directory, so that a reader without one need not read the log from its beginning.

``access-snapshots/0000000100-abcdef….json`` is the directory as of record 100, without any pseudonym key. Record 101
and those after it name it by number and digest. It is a copy: a missing or damaged one costs time and nothing else.
"""

import msgspec

from recsys.access.directory import Directory
from recsys.access.records import SnapshotRef
from recsys.encoding import canonical, digest
from recsys.store import Creation, Missing, Objects

__all__ = ["EVERY", "read_snapshot", "write_snapshot"]

EVERY = 100
"""Records between two snapshots: the most a reader without any state reads one by one. A bucket answers that in a few
seconds; and a snapshot, which holds every tenant and key there is, is written for one change in a hundred.
"""

_FORMAT = 1


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    directory: Directory
    format: int = _FORMAT


def write_snapshot(objects: Objects, directory: Directory) -> SnapshotRef:
    """Keep a directory, durable when it returns. Racing writers of one record's directory write the same bytes."""
    data = canonical(_Kept(directory=directory.without_secrets()))
    ref = SnapshotRef(number=directory.number, digest=digest(data))
    if objects.create(_key(ref), data) is Creation.EXISTS:
        if objects.read(_key(ref)) == data:
            objects.confirm(_key(ref))
        else:
            objects.replace(_key(ref), data)
    return ref


def read_snapshot(objects: Objects, ref: SnapshotRef) -> Directory | None:
    """Return the directory a record names; ``None`` when it is missing, damaged, or of a later version."""
    try:
        data = objects.read(_key(ref))
        if digest(data) != ref.digest:
            return None
        kept = msgspec.json.decode(data, type=_Kept)
    except (Missing, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return kept.directory if (kept.format, kept.directory.number) == (_FORMAT, ref.number) else None


def _key(ref: SnapshotRef) -> str:
    return f"access-snapshots/{ref.number:010d}-{ref.digest.removeprefix('sha256:')[:16]}.json"
