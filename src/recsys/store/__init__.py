"""Durable bytes: blobs named by content, append-only logs, and where they can live. No recommender words."""

from recsys.store.blobs import Blobs
from recsys.store.names import check_name
from recsys.store.opening import NewerFormat, Store, open_store
from recsys.store.port import (
    Commit,
    CommitState,
    CopyFailed,
    Corrupt,
    Creation,
    Denied,
    Log,
    Missing,
    Objects,
    Truncated,
    Unavailable,
)

__all__ = [
    "Blobs",
    "Commit",
    "CommitState",
    "CopyFailed",
    "Corrupt",
    "Creation",
    "Denied",
    "Log",
    "Missing",
    "NewerFormat",
    "Objects",
    "Store",
    "Truncated",
    "Unavailable",
    "check_name",
    "open_store",
]
