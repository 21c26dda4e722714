"""What was read a moment ago, by its key: however many pages ask for it, it is read once for all of them."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from recsys.operations.turn import Line

__all__ = ["LastRead", "Read"]

_LEAST_S, _MOST_S = 4.0, 30.0
_FACTOR = 10.0
"""It is kept for so many times as long as reading it took, within those bounds: a tenth of the time goes to reading,
however many look, and nobody decides on what is older than half a minute.
"""

T = TypeVar("T")


class Read(NamedTuple, Generic[T]):
    """What was read; ``next_s``: in how many seconds a newer reading can be there, for who asks again by then."""

    value: T
    next_s: float


class _Kept(NamedTuple, Generic[T]):
    value: T
    version: Hashable
    until: float
    took_s: float


class LastRead(Generic[T]):
    """The last readings of one kind. ``line``: where who reads waits; without one, each key has its own."""

    def __init__(self, *, line: Line | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._line, self._clock = line, clock
        self._lines: dict[Hashable, Line] = {}
        self._kept: dict[Hashable, _Kept[T]] = {}
        self._under_way: set[Hashable] = set()
        self._turn = threading.Lock()

    def of(self, key: Hashable, read: Callable[[], T], *, version: Hashable = None) -> Read[T]:
        """Return what is kept of a key, or read it.

        Of another ``version`` nothing is taken. While somebody reads it anew, the one before is; where there is none,
        who comes waits for that reading. Raises what ``read`` does, and as :meth:`~recsys.operations.turn.Line.turn`.
        """
        kept = self._usable(key, version)
        if kept is None:
            with self._line_of(key).turn():
                kept = self._usable(key, version) or self._read(key, read, version)
        return Read(kept.value, max(0.0, kept.until - self._clock()) + kept.took_s)

    def _usable(self, key: Hashable, version: Hashable) -> _Kept[T] | None:
        with self._turn:
            kept = self._kept.get(key)
            if kept is None or kept.version != version:
                return None
            return kept if self._clock() < kept.until or key in self._under_way else None

    def _line_of(self, key: Hashable) -> Line:
        with self._turn:
            return self._line or self._lines.setdefault(key, Line())

    def _read(self, key: Hashable, read: Callable[[], T], version: Hashable) -> _Kept[T]:
        began = self._clock()
        with self._turn:
            self._under_way.add(key)
            self._kept = {one: kept for one, kept in self._kept.items() if one == key or began < kept.until}
        try:
            value = read()
        finally:
            with self._turn:
                self._under_way.discard(key)
        ended = self._clock()
        took_s = ended - began
        kept = _Kept(value, version, ended + min(_MOST_S, max(_LEAST_S, _FACTOR * took_s)), took_s)
        with self._turn:
            self._kept[key] = kept
        return kept
