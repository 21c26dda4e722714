"""What a backend must promise. Two small ports: objects, and the append-only log.

A directory, a bucket and the in-memory double implement :class:`Objects`;
:class:`~recsys.store.log.ObjectLog` makes a :class:`Log` out of any of them. A database implements
:class:`Log` itself. Callers see only these two.
"""

import enum
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from recsys.errors import Failed, NotFound, Refused

__all__ = [
    "Busy",
    "Commit",
    "CommitState",
    "CopyFailed",
    "Corrupt",
    "Creation",
    "Denied",
    "Entry",
    "Gap",
    "Lockable",
    "Log",
    "Missing",
    "Objects",
    "Queueing",
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


class Gap(Failed, ValueError):
    """A record whose number does not follow the newest: the caller miscounted, or the log was put back meanwhile."""

    code = "LOG_GAP"

    def __init__(self, stream: str, number: int) -> None:
        super().__init__(
            f"record {number} of {stream} would leave a gap: there is no {number - 1}",
            next_step="nothing was written; if the store was put back from a copy, see: recsys releases verify",
        )


class Unavailable(Failed):
    """The store did not answer, or answered that it cannot.

    For a write the outcome is not known, unless ``untouched``: then this call surely changed nothing.
    """

    code = "STORE_UNAVAILABLE"

    def __init__(self, where: str, why: str, *, untouched: bool = False) -> None:
        super().__init__(f"store {where} is not available: {why}", next_step="check the path, the mount or the network")
        self.where = where
        self.why = why
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


class Busy(Refused):
    """Another process is at something that only one may do at a time. Nothing was changed."""

    code = "BUSY"

    def __init__(self, what: str, *, where: str, why: str = "another process is at it") -> None:
        super().__init__(f"{what} in {where}: {why}", next_step="let it end, then run this again")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One key as a listing shows it. ``age_s``: seconds since it was written or renewed, by the store's own time."""

    key: str
    size_bytes: int
    age_s: float


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

    def renew(self, key: str) -> None:
        """Make a key as young as if it were written now, its bytes unchanged; raises :class:`Missing`."""

    def entries(self, prefix: str) -> Iterator[Entry]:
        """List as :meth:`keys` does, with sizes and ages. What is deleted meanwhile is left out.

        Ages are by the store's own time, which no host's clock can lie about; telling it may take a write.
        """

    def now_s(self) -> float:
        """Return the store's own time, in seconds since 1970; telling it may take a write."""

    def keys(self, prefix: str) -> Iterator[str]:
        """List keys below a prefix ending in ``/`` (or all, with ``""``), sorted."""

    def folders(self, prefix: str) -> list[str]:
        """List, sorted, the names right below a prefix ending in ``/`` that have keys below them."""

    def delete(self, key: str) -> None:
        """Remove a key; nothing happens when it is absent."""


@runtime_checkable
class Lockable(Protocol):
    """Objects that can also let one process in at a time, and see at once that it died."""

    def alone(self, prefix: str) -> AbstractContextManager[None]:
        """Be the only one inside for this prefix, of all threads and processes, until the block ends or the process
        does; raises :class:`Busy` at once when another is.
        """


@runtime_checkable
class Queueing(Protocol):
    """A log whose writers on one host can let each other go first."""

    def queue(self, stream: str, *, patience_s: float = 1.0) -> AbstractContextManager[None]:
        """Wait until no other writer of this host is at a stream, but at most ``patience_s``.

        A courtesy that spares the losers of races their work. Nothing may rely on it: who does not queue is not kept
        out, and behind one who hangs everybody goes on. Waiting never raises.
        """


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

        Raises :class:`Gap` when record ``number - 1`` does not stand. Raises :class:`Unavailable` or
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

    @property
    def pace_s(self) -> float:
        """How often a follower may ask for a head it has no hint about, in seconds; 0 where asking costs nothing."""

    def changed(self) -> frozenset[str] | None:
        """Return the streams that are known to have moved since the last call: a hint, never the whole truth.

        ``None``: hints begin only now, so each must be asked once. Never raises, never waits.
        """

    def promises(self) -> Iterator[tuple[str, str]]:
        """Yield what the log itself promises beside its objects, in words, and how that is broken; empty when kept."""

    def pointer_damaged(self, stream: str) -> bool:
        """Tell whether a pointer lies there that says nothing; readers take it for a lost one. False without one."""

    def close(self) -> None:
        """Let go of connections; the next use makes them again."""

    def destroy(self, stream: str) -> None:
        """Remove a whole stream, newest record first and the pointer last; nothing happens when there is none.

        The one exception to "never deleted": a tenant that is deleted leaves no history. A call that was cut short
        is finished by the next.
        """


def _short(digest: str) -> str:
    """Cut a digest to what a person compares."""
    return digest[:19] + "…" if digest.startswith("sha256:") else digest
