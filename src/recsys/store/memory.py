"""The store in memory: a double for tests and notebooks. It keeps every promise but outliving the process."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys.store.names import check_key, check_prefix
from recsys.store.port import Busy, CopyFailed, Creation, Entry, Missing

__all__ = ["MemoryObjects"]

_COUNT = itertools.count(1)
_BEGAN_S = time.time() - time.monotonic()


def _now_s() -> float:
    """Seconds since 1970 that only go forward while this process lives."""
    return _BEGAN_S + time.monotonic()


class MemoryObjects:
    """:class:`~recsys.store.port.Objects` in a dictionary. Safe to share between threads.

    ``clock`` is the store's own time, in seconds since 1970.
    """

    def __init__(self, *, clock: Callable[[], float] = _now_s) -> None:
        self._held: dict[str, bytes] = {}
        self._written: dict[str, float] = {}
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: set[str] = set()
        self._name = f"memory:{next(_COUNT)}"

    @property
    def name(self) -> str:
        return self._name

    def create(self, key: str, data: bytes) -> Creation:
        with self._lock:
            if check_key(key) in self._held:
                return Creation.EXISTS
            self._put(key, data)
            return Creation.CREATED

    def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:  # noqa: ARG002
        with self._lock:
            self._put(check_key(key), data)

    def read(self, key: str) -> bytes:
        try:
            return self._held[check_key(key)]
        except KeyError:
            raise Missing(key, where=self._name) from None

    def fetch(self, key: str, into: Path) -> None:
        data = self.read(key)
        try:
            with into.open("xb") as file:
                file.write(data)
        except OSError as error:
            raise CopyFailed(into, error.strerror or str(error)) from error

    def exists(self, key: str) -> bool:
        return check_key(key) in self._held

    def confirm(self, key: str) -> None:
        if not self.exists(key):
            raise Missing(key, where=self._name)

    def renew(self, key: str) -> None:
        self.confirm(key)
        self._written[key] = self._clock()

    def now_s(self) -> float:
        return self._clock()

    @contextmanager
    def alone(self, prefix: str) -> Iterator[None]:
        with self._lock:
            if prefix in self._taken:
                raise Busy(prefix, where=self._name)
            self._taken.add(prefix)
        try:
            yield
        finally:
            self._taken.discard(prefix)

    def entries(self, prefix: str) -> Iterator[Entry]:
        for key in self.keys(prefix):
            data = self._held.get(key)
            if data is not None:
                yield Entry(key=key, size_bytes=len(data), age_s=self._clock() - self._written[key])

    def keys(self, prefix: str) -> Iterator[str]:
        check_prefix(prefix)
        with self._lock:
            found = sorted(key for key in self._held if key.startswith(prefix))
        yield from found

    def folders(self, prefix: str) -> list[str]:
        rests = (key[len(prefix) :] for key in self.keys(prefix))
        return sorted({rest.partition("/")[0] for rest in rests if "/" in rest})

    def delete(self, key: str) -> None:
        with self._lock:
            self._held.pop(check_key(key), None)

    def _put(self, key: str, data: bytes) -> None:
        self._held[key] = bytes(data)
        self._written[key] = self._clock()
