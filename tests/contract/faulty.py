"""A store that misbehaves on purpose: what networks, retrying clients and full disks do to a write."""

import enum
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from recsys.store import Creation, Denied, Entry, Objects, Unavailable

__all__ = ["Fault", "FaultyObjects", "StillClock"]


class Fault(enum.Enum):
    """What happens to one call."""

    NONE = "it works"
    LOST_AFTER = "it is carried out, and the reply is lost"
    LOST_BEFORE = "it never arrives"
    LATE = "it times out, and is carried out just before the next call"
    EXISTS_FOR_OWN = "it is carried out, and a retry inside the client is told that it exists"
    EXISTS_FOR_NOTHING = "the store says it exists, and shows nothing"
    UNTOUCHED = "it fails before anything is sent"
    DENIED = "the store says no"


class FaultyObjects:
    """Wraps an :class:`~recsys.store.Objects`; ``creates`` and ``reads`` say what happens to the next calls.

    Read faults: anything but ``NONE`` and ``DENIED`` is a timeout. When a script is used up, all works.
    """

    def __init__(
        self,
        inner: Objects,
        *,
        creates: Iterable[Fault] = (),
        reads: Iterable[Fault] = (),
        confirms: Iterable[Fault] = (),
        before_create: Callable[[], None] = lambda: None,
    ) -> None:
        self._inner = inner
        self._creates, self._reads, self._confirms = iter(creates), iter(reads), iter(confirms)
        self._before_create = before_create
        self._late: list[tuple[str, bytes]] = []
        self.calls: list[str] = []

    @property
    def name(self) -> str:
        return f"faulty {self._inner.name}"

    def create(self, key: str, data: bytes) -> Creation:
        self._note("create")
        self._before_create()
        match next(self._creates, Fault.NONE):
            case Fault.NONE:
                return self._inner.create(key, data)
            case Fault.LOST_AFTER:
                self._inner.create(key, data)
                raise Unavailable(self.name, "the reply was lost")
            case Fault.LOST_BEFORE:
                raise Unavailable(self.name, "timed out")
            case Fault.LATE:
                self._late.append((key, data))
                raise Unavailable(self.name, "timed out")
            case Fault.EXISTS_FOR_OWN:
                self._inner.create(key, data)
                return Creation.EXISTS
            case Fault.EXISTS_FOR_NOTHING:
                return Creation.EXISTS
            case Fault.UNTOUCHED:
                raise Unavailable(self.name, "no space left", untouched=True)
            case Fault.DENIED:
                raise Denied(self.name, key)

    def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
        self._note("replace")
        self._inner.replace(key, data, durable=durable)

    def read(self, key: str) -> bytes:
        self._note("read")
        self._fail(next(self._reads, Fault.NONE), key)
        return self._inner.read(key)

    def fetch(self, key: str, into: Path) -> None:
        self._note("fetch")
        self._fail(next(self._reads, Fault.NONE), key)
        self._inner.fetch(key, into)

    def exists(self, key: str) -> bool:
        self._note("exists")
        return self._inner.exists(key)

    def confirm(self, key: str) -> None:
        self._note("confirm")
        self._fail(next(self._confirms, Fault.NONE), key)
        self._inner.confirm(key)

    def renew(self, key: str) -> None:
        self._note("renew")
        self._inner.renew(key)

    def entries(self, prefix: str) -> Iterator[Entry]:
        self._note("entries")
        return self._inner.entries(prefix)

    def now_s(self) -> float:
        self._note("now_s")
        return self._inner.now_s()

    def keys(self, prefix: str) -> Iterator[str]:
        self._note("keys")
        return self._inner.keys(prefix)

    def folders(self, prefix: str) -> list[str]:
        self._note("folders")
        return self._inner.folders(prefix)

    def delete(self, key: str) -> None:
        self._note("delete")
        self._inner.delete(key)

    def _note(self, call: str) -> None:
        self.calls.append(call)
        for key, data in self._late:
            self._inner.create(key, data)
        self._late.clear()

    def _fail(self, fault: Fault, key: str) -> None:
        if fault is Fault.DENIED:
            raise Denied(self.name, key)
        if fault is not Fault.NONE:
            raise Unavailable(self.name, "timed out")


class StillClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
