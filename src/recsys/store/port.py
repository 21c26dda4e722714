"""What a backend must promise. Two small ports: objects, and the append-only log.

A directory, a bucket and the in-memory double implement :class:`Objects`;
:class:`~recsys.store.log.ObjectLog` makes a :class:`Log` out of any of them. A database implements
:class:`Log` itself. Callers see only these two.
"""

import enum
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from recsys.errors import Failed, NotFound, Refused

__all__ = [
    "Commit",
    "CommitState",
    "CopyFailed",
    "Corrupt",
    "Creation",
    "Denied",
    "Log",
    "Missing",
    "Objects",
    "Truncated",
    "Unavailable",
]


class Creation(enum.Enum):
    """What ``create`` found. All else (a timeout, an I/O error) is :class:`Unavailable`: unknown."""

    CREATED = "created"
    EXISTS = "exists"


class Missing(NotFound):
    """The store answered, and there is nothing under that key."""

    code = "MISSING"

    def __init__(self, key: str, *, where: str) -> None:
        super().__init__(f"{where} has nothing under {key}")
        self.key = key


class Corrupt(Failed):
    """The bytes under a key are not the bytes its digest names."""

    code = "CORRUPT"

    def __init__(self, key: str, *, expected: str, found: str) -> None:
        super().__init__(
            f"{key} is damaged: its content has digest {_short(found)}, not {_short(expected)}",
            next_step="nothing was served from it; see which releases name it with: recsys releases verify",
        )
        self.key = key


class Truncated(Failed):
    """The pointer names a record that is not there. It moves last, so records were lost or taken away."""

    code = "LOG_TRUNCATED"

    def __init__(self, where: str, stream: str, *, pointer: int) -> None:
        super().__init__(
            f"the log of {stream} in {where} names record {pointer}, which is not there",
            next_step="bring the missing records back from where they were left; until then nothing is added",
        )
        self.pointer = pointer


class Unavailable(Failed):
    """The store did not answer, or answered that it cannot.

    For a write the outcome is not known, unless ``untouched``: then this call surely changed nothing.
    """

    code = "STORE_UNAVAILABLE"

    def __init__(self, where: str, why: str, *, untouched: bool = False) -> None:
        super().__init__(f"store {where} is not available: {why}", next_step="check the path, the mount or the network")
        self.where = where
        self.untouched = untouched


class CopyFailed(Failed):
    """The store answered, and this host could not keep the copy: its own disk is full or failing."""

    code = "COPY_FAILED"

    def __init__(self, into: Path, why: str) -> None:
        super().__init__(f"cannot write {into}: {why}", next_step="free space on this host, or check its disk")


class Denied(Refused):
    """The store answered that we may not: nothing was changed. Never read as absence."""

    code = "STORE_DENIED"

    def __init__(self, where: str, key: str) -> None:
        super().__init__(f"store {where} denies access to {key}", next_step="check the permissions of this process")


class Objects(Protocol):
    """Bytes under keys (``a/b/c``; :func:`~recsys.store.names.check_key`). Every write that returned is
    durable.

    Every method raises :class:`Unavailable` when the store does not answer and :class:`Denied` when it says
    no. A store that went away is never :class:`Missing`: absence is only told by a store that is there.
    """

    @property
    def name(self) -> str:
        """Where this is, for messages. No secret."""

    def create(self, key: str, data: bytes) -> Creation:
        """Write only if nothing is there: of any number of racing calls exactly one is told ``CREATED``.

        Readers see all of it or nothing. ``EXISTS`` may be one's own earlier attempt: read it back.
        """

    def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
        """Write whatever is there; readers see the old bytes or the new, never a mixture.

        ``durable=False`` is for what can be made again (a pointer, a heartbeat): it is not forced to disk,
        and after a power loss the key may hold the old bytes, the new, none, or be cut short.
        """

    def read(self, key: str) -> bytes:
        """Return the bytes; raises :class:`Missing`."""

    def fetch(self, key: str, into: Path) -> None:
        """Copy the bytes into a new local file, streaming; raises :class:`Missing`, :class:`CopyFailed`.

        The copy is not verified, and is left behind half-made when this raises: :class:`~recsys.store.Blobs`
        does both.
        """

    def exists(self, key: str) -> bool:
        """Tell whether something is there, without reading it."""

    def confirm(self, key: str) -> None:
        """Make what another writer left there as durable as a write of our own; raises :class:`Missing`."""

    def keys(self, prefix: str) -> Iterator[str]:
        """List keys below a prefix ending in ``/`` (or all, with ``""``), sorted."""

    def folders(self, prefix: str) -> list[str]:
        """List, sorted, the names right below a prefix ending in ``/`` that have keys below them."""

    def delete(self, key: str) -> None:
        """Remove a key; nothing happens when it is absent."""


class CommitState(enum.Enum):
    COMMITTED = "committed"
    LOST = "lost"
    UNKNOWN = "unknown"


class Commit(msgspec.Struct, frozen=True):
    """How an append ended. ``winner`` holds the bytes that stand there when another writer won."""

    state: CommitState
    number: int
    winner: bytes | None = None


class Log(Protocol):
    """Numbered records 1..N per stream; creating number N *is* the commit. Never rewritten, never deleted."""

    @property
    def name(self) -> str:
        """Where this is, for messages. No secret."""

    def append(self, stream: str, number: int, data: bytes, *, patience_s: float = 10.0) -> Commit:
        """Create record ``number`` and settle how that ended, then move the pointer.

        After anything but a clear success the number is read back and the same bytes sent again until some
        record is there: ours byte for byte means committed, another's means lost. Absence never means lost.
        When ``patience_s`` runs out the state is ``UNKNOWN``; appending the same bytes again resumes. The
        caller puts an attempt id into ``data`` so that no two attempts have the same bytes.

        Raises :class:`ValueError` for a gap: record ``number - 1`` must stand. Raises :class:`Unavailable` or
        :class:`Denied` only when nothing sent by this call can have reached the log (disk full, say).
        """

    def read(self, stream: str, number: int) -> bytes:
        """Return the bytes of one record; raises :class:`Missing`."""

    def head(self, stream: str, *, at_least: int = 0) -> int:
        """Return the newest number, 0 when the stream is empty.

        ``at_least`` is a number the caller has seen standing: it makes this one probe when nothing is new,
        and the answer is never lower. A pointer that was left behind is passed, a lost or damaged one is
        rebuilt. Raises :class:`Truncated` when the pointer names a record that is not there.
        """

    def streams(self) -> list[str]:
        """List the streams that have a record, sorted."""


def _short(digest: str) -> str:
    """Cut a digest to what a person compares."""
    return digest[:19] + "…" if digest.startswith("sha256:") else digest
