"""A log over another one: what a subclass does not change goes through."""

from collections.abc import Iterator

from recsys.store.port import Commit, Log

__all__ = ["LogOver"]


class LogOver:
    """:class:`~recsys.store.port.Log` that passes every call on to ``inner``."""

    def __init__(self, inner: Log) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def pace_s(self) -> float:
        return self.inner.pace_s

    def append(self, stream: str, number: int, data: bytes, *, patience_s: float = 10.0) -> Commit:
        return self.inner.append(stream, number, data, patience_s=patience_s)

    def read(self, stream: str, number: int) -> bytes:
        return self.inner.read(stream, number)

    def head(self, stream: str, *, at_least: int = 0) -> int:
        return self.inner.head(stream, at_least=at_least)

    def streams(self) -> list[str]:
        return self.inner.streams()

    def changed(self) -> frozenset[str] | None:
        return self.inner.changed()

    def close(self) -> None:
        self.inner.close()

    def destroy(self, stream: str) -> None:
        self.inner.destroy(stream)

    def promises(self) -> Iterator[tuple[str, str]]:
        return self.inner.promises()

    def pointer_damaged(self, stream: str) -> bool:
        return self.inner.pointer_damaged(stream)
