"""Stores that lie: what caches, gateways, file systems and mis-set services have been seen to do."""

import enum
import threading
from collections import Counter
from collections.abc import Iterator

import msgspec

from recsys.store import Creation, Denied, Entry, Missing, Objects

__all__ = ["Lie", "LyingObjects"]


class Lie(enum.Enum):
    """One lie, told from ``begin`` on."""

    TWO_WINNERS = "a second create is told that it won"
    OVERWRITES = "a create ignores its condition"
    OVERWRITES_QUIETLY = "a create that is told the key exists wrote over it"
    RACE_LOST_CONTROL = "creates that overlap are all told that they won"
    EXISTS_FOR_NOTHING = "a new key is said to exist, and is not made"
    SWALLOWED = "a create is acknowledged and not carried out"
    STALE_READS = "a replaced key is read as it first was"
    REPLACE_IGNORED = "a replacement is acknowledged and not carried out"
    SEEN_LATE = "what was written is not seen by the next looks"
    TRUNCATED = "large reads are cut short"
    FLIPPED = "a byte of what is read is another"
    LISTED_LATE = "a listing leaves out the newest keys"
    LISTED_WRONG = "a listing tells sizes that are not"
    AGES_WRONG = "a listing tells ages of years"
    DELETE_STAYS = "a delete is acknowledged and not carried out"
    ABSENT_IS_EMPTY = "what is absent is read as nothing"
    ABSENT_EXISTS = "what is absent is said to exist"
    ABSENT_IS_DENIED = "what is absent is answered with a denial"


_LATE_LOOKS = 2


class LyingObjects:
    """Any :class:`~recsys.store.Objects` behind one lie; honest about all that was there before it."""

    def __init__(self, inner: Objects, lie: Lie) -> None:
        self.inner = inner
        self.lie = lie
        self._first: dict[str, bytes] = {}
        self._fresh: list[str] = []
        self._looks: Counter[str] = Counter()
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._met = threading.Condition()

    @property
    def name(self) -> str:
        return self.inner.name

    def create(self, key: str, data: bytes) -> Creation:
        self._fresh.append(key)
        match self.lie:
            case Lie.TWO_WINNERS:
                self.inner.create(key, data)
                return Creation.CREATED
            case Lie.OVERWRITES:
                self.inner.replace(key, data)
                return Creation.CREATED
            case Lie.OVERWRITES_QUIETLY:
                there = self.inner.exists(key)
                self.inner.replace(key, data)
                return Creation.EXISTS if there else Creation.CREATED
            case Lie.RACE_LOST_CONTROL:
                return self._race(key, data)
            case Lie.EXISTS_FOR_NOTHING:
                return Creation.EXISTS
            case Lie.SWALLOWED:
                return Creation.CREATED
        return self.inner.create(key, data)

    def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
        if self.lie is Lie.STALE_READS:
            self._first.setdefault(key, self.inner.read(key) if self.inner.exists(key) else data)
        if self.lie is Lie.REPLACE_IGNORED and self.inner.exists(key):
            return
        self.inner.replace(key, data, durable=durable)

    def read(self, key: str) -> bytes:
        if self._is_late(key):
            raise Missing(key, where=self.name)
        try:
            data = self.inner.read(key)
        except Missing:
            if self.lie is Lie.ABSENT_IS_EMPTY:
                return b""
            if self.lie is Lie.ABSENT_IS_DENIED:
                raise Denied(self.name, key) from None
            raise
        if self.lie is Lie.STALE_READS:
            return self._first.get(key, data)
        if self.lie is Lie.TRUNCATED and len(data) > 4_096:
            return data[:4_096]
        if self.lie is Lie.FLIPPED and data:
            return data[:-1] + bytes([data[-1] ^ 1])
        return data

    def fetch(self, key: str, into) -> None:
        data = self.read(key)
        into.write_bytes(data)

    def exists(self, key: str) -> bool:
        if self._is_late(key):
            return False
        there = self.inner.exists(key)
        if not there and self.lie is Lie.ABSENT_IS_DENIED:
            raise Denied(self.name, key)
        return there or self.lie is Lie.ABSENT_EXISTS

    def confirm(self, key: str) -> None:
        self.inner.confirm(key)

    def renew(self, key: str) -> None:
        self.inner.renew(key)

    def now_s(self) -> float:
        return self.inner.now_s()

    def entries(self, prefix: str) -> Iterator[Entry]:
        for entry in self.inner.entries(prefix):
            yield msgspec.structs.replace(
                entry,
                size_bytes=entry.size_bytes + (self.lie is Lie.LISTED_WRONG),
                age_s=entry.age_s + 3e8 * (self.lie is Lie.AGES_WRONG),
            )

    def keys(self, prefix: str) -> Iterator[str]:
        hidden = set(self._fresh[-1:]) if self.lie is Lie.LISTED_LATE else set()
        return iter([key for key in self.inner.keys(prefix) if key not in hidden])

    def folders(self, prefix: str) -> list[str]:
        return self.inner.folders(prefix)

    def delete(self, key: str) -> None:
        if self.lie is not Lie.DELETE_STAYS:
            self.inner.delete(key)

    def _is_late(self, key: str) -> bool:
        if self.lie is not Lie.SEEN_LATE or key not in self._fresh:
            return False
        self._looks[key] += 1
        return self._looks[key] <= _LATE_LOOKS

    def _race(self, key: str, data: bytes) -> Creation:
        """Tell everybody that won whose create overlaps another: the look and the write are two steps."""
        there = self.inner.exists(key)
        with self._met:
            self._under_way[key] += 1
            self._met.notify_all()
            self._met.wait_for(lambda: self._under_way[key] > 1, timeout=0.05)
        if there:
            return Creation.EXISTS
        with self._lock:
            self.inner.replace(key, data)
        return Creation.CREATED
