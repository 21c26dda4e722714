"""The store in memory: a double for tests and notebooks. It keeps every promise but outliving the process."""

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

from recsys.store.names import check_key, check_prefix
from recsys.store.port import CopyFailed, Creation, Missing

__all__ = ["MemoryObjects"]

_COUNT = itertools.count(1)


class MemoryObjects:
    """:class:`~recsys.store.port.Objects` in a dictionary. Safe to share between threads."""

    def __init__(self) -> None:
        self._held: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._name = f"memory:{next(_COUNT)}"

    @property
    def name(self) -> str:
        return self._name

    def create(self, key: str, data: bytes) -> Creation:
        with self._lock:
            if check_key(key) in self._held:
                return Creation.EXISTS
            self._held[key] = bytes(data)
            return Creation.CREATED

    def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:  # noqa: ARG002
        with self._lock:
            self._held[check_key(key)] = bytes(data)

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
