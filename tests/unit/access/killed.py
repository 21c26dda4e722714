"""A process that is killed at its n-th write, before or just after the store has carried it out."""

from dataclasses import replace
from typing import Any

from recsys.store import Blobs, Objects, Store
from recsys.store.log import ObjectLog

__all__ = ["Killed", "killed_at", "over"]

_WRITES = ("create", "replace", "delete", "confirm", "renew")


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


class KilledObjects:
    """:class:`~recsys.store.Objects` that end the process at write ``at``; later calls of the dead one fail too."""

    def __init__(self, inner: Objects, *, at: int, done: bool) -> None:
        self._inner, self._at, self._done = inner, at, done
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)
        if name not in _WRITES:
            return call

        def written(*args: Any, **more: Any) -> Any:
            self.writes += 1
            if self.writes > self._at or (self.writes == self._at and not self._done):
                raise Killed
            result = call(*args, **more)
            if self.writes == self._at:
                raise Killed
            return result

        return written


def over(store: Store, objects: Any) -> Store:
    """Return the same store through other objects."""
    return replace(
        store,
        objects=objects,
        blobs=Blobs(objects),
        releases=ObjectLog(objects, "releases"),
        access=ObjectLog(objects, "access"),
    )


def killed_at(store: Store, at: int, *, done: bool) -> Store:
    """Return the same store for a process that is killed at its write number ``at`` (from 1)."""
    return over(store, KilledObjects(store.objects, at=at, done=done))
