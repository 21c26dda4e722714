"""One release of a tenant, verified, compiled for ranking and mapped from the host's own files."""

from recsys.snapshot.answering import missing, recommend, replay, similar
from recsys.snapshot.collecting import collect
from recsys.snapshot.errors import SnapshotRejected
from recsys.snapshot.floor import Floor, open_floor, write_floor
from recsys.snapshot.opening import Snapshot, narrowed, open_release, open_snapshot
from recsys.snapshot.preparing import BlobSource, prepare

__all__ = [
    "BlobSource",
    "Floor",
    "Snapshot",
    "SnapshotRejected",
    "collect",
    "missing",
    "narrowed",
    "open_floor",
    "open_release",
    "open_snapshot",
    "prepare",
    "recommend",
    "replay",
    "similar",
    "write_floor",
]
