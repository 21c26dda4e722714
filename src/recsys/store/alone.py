"""One process at a time, across hosts: for work whose every step is safe only while nobody else does it.

A directory and the double let one in and see at once that it died (:class:`~recsys.store.port.Lockable`). A bucket
has no lock, so there it is a lease: a numbered object under ``leases/``, which its holder keeps young. Who takes
over creates the next number (one can), and only when the newest has not been renewed for ``LAPSE_S``, by the store's
own time. A holder acts for at most half of that after a renewal, by a clock of its own that only goes forward. So two
would act at once only if a process stood still for the other half between looking at its clock and sending a request,
or if a request lay in the network for as long.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from recsys.encoding import canonical
from recsys.errors import RecsysError
from recsys.store.port import Busy, Creation, Lockable, Objects

__all__ = ["LAPSE_S", "Alone", "alone"]

LAPSE_S: Final = 600.0
"""How long a lease outlives its holder's last sign of life. Long beside any pause of a process, short beside a day."""


class Alone:
    """Being the only one, while it lasts."""

    def still(self) -> None:
        """Make sure that it does; raises :class:`~recsys.store.port.Busy`. Call it before every step."""


@contextmanager
def alone(objects: Objects, prefix: str, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Alone]:
    """Be the only one at ``prefix``, which ends in ``/``, for the block; raises :class:`~recsys.store.port.Busy`.

    ``clock``: seconds that only go forward.
    """
    if isinstance(objects, Lockable):
        with objects.alone(prefix):
            yield Alone()
        return
    lease = _Lease(objects, prefix, clock)
    try:
        yield lease
    finally:
        lease.end()


class _Said(msgspec.Struct, frozen=True):
    holder: str
    ended: bool = False


class _Lease(Alone):
    def __init__(self, objects: Objects, prefix: str, clock: Callable[[], float]) -> None:
        self._objects, self._prefix, self._clock = objects, prefix, clock
        self._said = _Said(holder=uuid.uuid4().hex)
        self._renewed_s = clock()
        standing = list(objects.entries(f"leases/{prefix}"))
        newest = standing[-1] if standing else None
        if newest is not None and newest.age_s <= LAPSE_S and not self._ended(newest.key):
            raise self._busy()
        self._number = 1 + (int(newest.key.rpartition("/")[2].removesuffix(".json")) if newest else 0)
        mine = canonical(self._said)
        if objects.create(self._key(self._number), mine) is Creation.EXISTS and self._read(self._number) != mine:
            raise self._busy()
        if not self._is_newest():  # we had looked long ago, and our number was taken, ended and tidied away since
            raise self._busy()
        for entry in standing:
            objects.delete(entry.key)

    def still(self) -> None:
        now_s = self._clock()
        passed_s = now_s - self._renewed_s
        if passed_s > LAPSE_S / 2:
            raise self._busy("this process stood still for too long, and another may have taken over")
        if passed_s > LAPSE_S / 10:
            if not self._is_newest():
                raise self._busy()
            self._objects.renew(self._key(self._number))
            self._renewed_s = now_s

    def end(self) -> None:
        """Let the next one in at once. When this fails, it waits until the lease has lapsed."""
        try:
            if self._is_newest():
                self._objects.replace(self._key(self._number), canonical(_Said(self._said.holder, ended=True)))
        except RecsysError:
            pass

    def _is_newest(self) -> bool:
        return max(self._objects.keys(f"leases/{self._prefix}"), default="") == self._key(self._number)

    def _ended(self, key: str) -> bool:
        try:
            return msgspec.json.decode(self._objects.read(key), type=_Said).ended
        except msgspec.DecodeError:
            return False

    def _read(self, number: int) -> bytes:
        return self._objects.read(self._key(number))

    def _key(self, number: int) -> str:
        return f"leases/{self._prefix}{number:010d}.json"

    def _busy(self, why: str = "another process is at it") -> Busy:
        return Busy(self._prefix, where=self._objects.name, why=why)
