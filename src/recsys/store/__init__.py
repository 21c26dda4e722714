"""Durable bytes: blobs named by content, append-only logs, and where they can live. No recommender words."""

from recsys.store.alone import Alone, alone
from recsys.store.blobs import Blobs
from recsys.store.names import check_name
from recsys.store.opening import NewerFormat, Store, open_store
from recsys.store.port import (
    Busy,
    Commit,
    CommitState,
    CopyFailed,
    Corrupt,
    Creation,
    Denied,
    Entry,
    Lockable,
    Log,
    Missing,
    Objects,
    Queueing,
    Truncated,
    Unavailable,
)
from recsys.store.probe import StoreBreaksPromise

__all__ = [
    "Alone",
    "Blobs",
    "Busy",
    "Commit",
    "CommitState",
    "CopyFailed",
    "Corrupt",
    "Creation",
    "Denied",
    "Entry",
    "Lockable",
    "Log",
    "Missing",
    "NewerFormat",
    "Objects",
    "Queueing",
    "Store",
    "StoreBreaksPromise",
    "Truncated",
    "Unavailable",
    "alone",
    "check_name",
    "open_store",
]
