"""The append-only log over any objects: one object a record, and a pointer to the newest."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import msgspec

from recsys.encoding import canonical, digest
from recsys.errors import RecsysError
from recsys.store.names import check_name
from recsys.store.port import Busy, Commit, CommitState, Denied, Gap, Lockable, Missing, Objects, Truncated, Unavailable
from recsys.store.settling import Settling, settle

__all__ = ["ObjectLog"]

_MOST_RECORDS = 9_999_999_999
"""As many as the names of records can count."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.016
"""Between looks at the queue: at most about a commit's time, or many who wait would slow the one they wait for."""


class _Pointer(msgspec.Struct, frozen=True):
    number: int
    check: str
    """Over stream and number: a flipped bit must not send readers past the end of the log."""


class ObjectLog:
    """:class:`~recsys.store.port.Log` under ``<prefix>/<stream>/0000000042.json``, pointer ``current.json``
    beside.

    Parameters
    ----------
    pace_s
        As of :class:`~recsys.store.port.Log`.
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
        pace_s: float = 0.0,
    ) -> None:
        self._objects = objects
        self._prefix = prefix
        self.pace_s = pace_s
        self._time = Settling(clock=clock, sleep=sleep)

    @property
    def name(self) -> str:
        return f"{self._objects.name}/{self._prefix}"

    def append(self, stream: str, number: int, data: bytes, *, patience_s: float = 10.0) -> Commit:
        if number < 1:
            raise ValueError(f"records count from 1, not {number}")
        if number > 1 and not self._stands(stream, number - 1):
            raise Gap(stream, number)
        key = self._key(stream, number)
        commit = settle(
            number,
            data,
            create=partial(self._objects.create, key, data),
            read=partial(self._objects.read, key),
            confirm=partial(self._objects.confirm, key),
            patience_s=patience_s,
            time=self._time,
        )
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

    @contextmanager
    def queue(self, stream: str, *, patience_s: float = 1.0) -> Iterator[None]:
        with ExitStack() as place:
            if isinstance(self._objects, Lockable):
                self._wait(place, self._objects, stream, patience_s)
            yield

    def _wait(self, place: ExitStack, objects: Lockable, stream: str, patience_s: float) -> None:
        """Be first, or have waited long enough. Where nothing stands yet, nobody waits."""
        deadline, pause_s = self._time.clock() + patience_s, _FIRST_PAUSE_S
        try:
            while self._stands(stream, 1):
                try:
                    place.enter_context(objects.alone(f"{self._prefix}/{stream}/"))
                except Busy:
                    if self._time.clock() >= deadline:
                        return
                    self._time.sleep(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                else:
                    return
        except RecsysError:
            pass  # no locks to be had, or no store: the commit itself will say so

    def streams(self) -> list[str]:
        return self._objects.folders(f"{self._prefix}/")

    def changed(self) -> frozenset[str] | None:
        return frozenset()

    def close(self) -> None:
        pass

    def destroy(self, stream: str) -> None:
        for number in range(self._newest_from(stream, self._pointer(stream)), 0, -1):
            self._objects.delete(self._key(stream, number))
        self._objects.delete(self._pointer_key(stream))

    def promises(self) -> Iterator[tuple[str, str]]:
        return iter(())

    def pointer_damaged(self, stream: str) -> bool:
        """Tell whether a pointer lies there that says nothing; readers take it for a lost one."""
        try:
            self._objects.read(self._pointer_key(stream))
        except Missing:
            return False
        return self._pointer(stream) == 0

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
            if known + step > _MOST_RECORDS:
                raise Unavailable(self.name, "it says of every record that it is there")
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
