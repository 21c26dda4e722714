"""The append-only log over any objects: one object a record, and a pointer to the newest."""

import time
from collections.abc import Callable

import msgspec

from recsys.encoding import canonical, digest
from recsys.store.names import check_name
from recsys.store.port import (
    Commit,
    CommitState,
    Creation,
    Denied,
    Missing,
    Objects,
    Truncated,
    Unavailable,
)

__all__ = ["ObjectLog"]

_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.5


class _Pointer(msgspec.Struct, frozen=True):
    number: int
    check: str
    """Over stream and number: a flipped bit must not send readers past the end of the log."""


class ObjectLog:
    """:class:`~recsys.store.port.Log` under ``<prefix>/<stream>/0000000042.json``, pointer ``current.json``
    beside.

    Parameters
    ----------
    clock, sleep
        Seconds that only go forward, and a pause in seconds, between attempts to settle a write.
    """

    def __init__(
        self,
        objects: Objects,
        prefix: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._objects = objects
        self._prefix = prefix
        self._clock = clock
        self._sleep = sleep

    @property
    def name(self) -> str:
        return f"{self._objects.name}/{self._prefix}"

    def append(self, stream: str, number: int, data: bytes, *, patience_s: float = 10.0) -> Commit:
        if number < 1:
            raise ValueError(f"records count from 1, not {number}")
        if number > 1 and not self._stands(stream, number - 1):
            raise ValueError(f"record {number} of {stream} would leave a gap: there is no {number - 1}")
        commit = self._settle(stream, number, data, self._clock() + patience_s)
        if commit.state is CommitState.COMMITTED:
            self._advance(stream, number)
        return commit

    def read(self, stream: str, number: int) -> bytes:
        return self._objects.read(self._key(stream, number))

    def head(self, stream: str, *, at_least: int = 0) -> int:
        if at_least and not self._stands(stream, at_least + 1):
            return at_least
        pointer = self._pointer(stream)
        newest = self._newest_from(stream, max(pointer, at_least))
        if newest == pointer > at_least and not self._stands(stream, newest):
            raise Truncated(self.name, stream, pointer=pointer)
        return newest

    def streams(self) -> list[str]:
        return self._objects.folders(f"{self._prefix}/")

    def _settle(self, stream: str, number: int, data: bytes, deadline: float) -> Commit:
        """Send until some record stands there, or the time is up: the three outcomes of ``Log.append``."""
        key = self._key(stream, number)
        may_have_arrived = False
        pause_s = _FIRST_PAUSE_S
        while True:
            failure: Unavailable | Denied | None = None
            try:
                if self._objects.create(key, data) is Creation.CREATED:
                    return Commit(CommitState.COMMITTED, number)
                may_have_arrived = True  # "exists" is also what a store says to one's own write, sent twice
            except Unavailable as error:
                failure = error
                may_have_arrived = may_have_arrived or not error.untouched
            except Denied as error:
                failure = error
            found = self._look(key)
            if found == data:
                may_have_arrived = True
                if self._confirmed(key):
                    return Commit(CommitState.COMMITTED, number)
            elif found is not None:
                return Commit(CommitState.LOST, number, found)
            if failure is not None and not may_have_arrived:
                raise failure
            if self._clock() + pause_s > deadline:
                return Commit(CommitState.UNKNOWN, number)
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _look(self, key: str) -> bytes | None:
        """Read back what stands under a key; ``None`` when that settles nothing: absence never means lost."""
        try:
            return self._objects.read(key)
        except (Missing, Unavailable, Denied):
            return None

    def _confirmed(self, key: str) -> bool:
        """Make our own record, from a send whose reply was lost, as durable as if the reply had come."""
        try:
            self._objects.confirm(key)
        except (Missing, Unavailable, Denied):
            return False
        return True

    def _advance(self, stream: str, number: int) -> None:
        """Move the pointer, only forward. Whatever goes wrong here, the commit stands and readers find it."""
        try:
            if self._pointer(stream) < number:
                pointer = _Pointer(number, _check(stream, number))
                self._objects.replace(self._pointer_key(stream), canonical(pointer), durable=False)
        except (Unavailable, Denied):
            pass

    def _pointer(self, stream: str) -> int:
        """Return what the pointer says; 0 when it is lost or damaged."""
        try:
            pointer = msgspec.json.decode(self._objects.read(self._pointer_key(stream)), type=_Pointer)
        except (Missing, msgspec.DecodeError, UnicodeDecodeError):
            return 0
        return pointer.number if pointer.check == _check(stream, pointer.number) else 0

    def _newest_from(self, stream: str, known: int) -> int:
        """Return the newest number from ``known`` on: doubling, then bisection; one probe if none."""
        step = 1
        while self._stands(stream, known + step):
            known += step
            step *= 2
        absent = known + step
        while absent - known > 1:
            middle = (known + absent) // 2
            if self._stands(stream, middle):
                known = middle
            else:
                absent = middle
        return known

    def _stands(self, stream: str, number: int) -> bool:
        return self._objects.exists(self._key(stream, number))

    def _key(self, stream: str, number: int) -> str:
        return f"{self._prefix}/{check_name(stream, what='stream')}/{number:010d}.json"

    def _pointer_key(self, stream: str) -> str:
        return f"{self._prefix}/{check_name(stream, what='stream')}/current.json"


def _check(stream: str, number: int) -> str:
    return digest(f"{stream} {number}".encode()).removeprefix("sha256:")[:16]
