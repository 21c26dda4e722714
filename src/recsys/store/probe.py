"""Try a store's promises before anything is published to it: networks, file systems and services lie.

Everything is done with keys of our own below ``probe/``, which are removed again. A store that breaks a promise is
refused for publishing; what is there goes on being served, because readers verify all they read.
"""

import hashlib
import platform
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from recsys.encoding import canonical, digest
from recsys.errors import RecsysError, Refused
from recsys.store.port import Creation, Denied, Log, Missing, Objects, Unavailable

__all__ = ["Probed", "Promise", "Soundness", "StoreBreaksPromise", "probe"]

REMEMBERED_S: Final = 86_400.0
"""What was tried from this host is not tried again for a day, by the store's own time: commands are short."""
_LEFT_OVER_S: Final = 3_600.0
"""What a killed probe left is removed by the next one after this long."""
_RACERS: Final = 4
_ROUNDS: Final = 3
_LARGE: Final = bytes(range(256)) * 1_024
"""More than one page, packet or block of anything."""


class Promise(msgspec.Struct, frozen=True):
    """One promise in words. ``broken``: how it is broken; empty when it is kept."""

    says: str
    broken: str = ""


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """What was tried of a store."""

    where: str
    promises: tuple[Promise, ...]

    @property
    def broken(self) -> tuple[Promise, ...]:
        """The promises that are not kept."""
        return tuple(promise for promise in self.promises if promise.broken)


class StoreBreaksPromise(Refused):
    """A store that does not do what releases rely on. Nothing was published."""

    code = "STORE_BREAKS_PROMISE"

    def __init__(self, probed: Probed) -> None:
        first = probed.broken[0]
        more = f" (and {len(probed.broken) - 1} more)" if len(probed.broken) > 1 else ""
        super().__init__(
            f"store {probed.where} breaks a promise that releases rely on: {first.says}; {first.broken}{more}",
            next_step="nothing is published to it, what is served goes on; see all of it with: recsys store check",
        )
        self.probed = probed


def probe(objects: Objects, log: Log | None = None) -> Probed:
    """Try everything that publishing relies on.

    Raises
    ------
    Unavailable, Denied
        The store does not answer, or we may not write: nothing was found out.
    """
    _sweep(objects)
    below = f"probe/{secrets.token_hex(8)}/"
    promises: list[Promise] = []
    try:
        for says, tried in _TRIED:
            promises.append(Promise(says, _tried(tried, objects, below)))
    finally:
        _remove(objects, below)
    if log is not None:
        promises += [Promise(says, broken) for says, broken in log.promises()]
    return Probed(where=objects.name, promises=tuple(promises))


class Soundness:
    """Whether a store may be published to: tried at the first commit of a process, and then known."""

    def __init__(self, objects: Objects, log: Log, *, known: bool = False) -> None:
        self._objects = objects
        self._log = log
        self._known = known

    def require(self) -> None:
        """Raise :class:`StoreBreaksPromise` unless the promises are kept; as :func:`probe`."""
        if self._known or self._remembered():
            self._known = True
            return
        probed = probe(self._objects, self._log)
        if probed.broken:
            raise StoreBreaksPromise(probed)
        self._known = True
        self._objects.replace(self._note, canonical({"of": self._place}), durable=False)

    @property
    def _note(self) -> str:
        return f"probes/{hashlib.sha256(platform.node().encode()).hexdigest()[:16]}.json"

    def _remembered(self) -> bool:
        try:
            found = next((entry for entry in self._objects.entries("probes/") if entry.key == self._note), None)
            if found is None or not 0 <= found.age_s + 2 <= REMEMBERED_S:
                return False
            said = msgspec.json.decode(self._objects.read(self._note), type=dict[str, str])
        except (Missing, msgspec.DecodeError, UnicodeDecodeError):
            return False
        return said == {"of": self._place}

    @property
    def _place(self) -> str:
        """Name where this store was found, by a digest: copies carry the note, and paths are nobody else's business."""
        return digest(f"{self._objects.name} {self._log.name}".encode())


def _tried(what: Callable[[Objects, str], str], objects: Objects, below: str) -> str:
    try:
        return what(objects, below)
    except Unavailable:
        raise
    except Denied as error:
        if what is _one_create_wins:
            raise  # we may not write here
        return error.message
    except RecsysError as error:
        return error.message


def _one_create_wins(objects: Objects, below: str) -> str:
    if objects.create(f"{below}one", b"first") is not Creation.CREATED:
        return "a new key was said to exist"
    if objects.create(f"{below}one", b"second") is not Creation.EXISTS:
        return "a second create was told that it made the key too"
    return "" if objects.read(f"{below}one") == b"first" else "a second create wrote over the first"


def _racing_creates(objects: Objects, below: str) -> str:
    for attempt in range(_ROUNDS):
        key = f"{below}race-{attempt}"
        start = threading.Barrier(_RACERS)

        with ThreadPoolExecutor(_RACERS) as racers:
            told = racers.map(lambda racer: _race(objects, key, start, b"%d" % racer), range(_RACERS))  # noqa: B023
            won = [mine for mine in told if mine is not None]
        if len(won) != 1:
            return f"of {_RACERS} that raced, {len(won)} were told that they won"
        if objects.read(key) != won[0]:
            return "what stands there is not the winner's"
    return ""


def _race(objects: Objects, key: str, start: threading.Barrier, mine: bytes) -> bytes | None:
    start.wait()
    return mine if objects.create(key, mine) is Creation.CREATED else None


def _read_after_write(objects: Objects, below: str) -> str:
    objects.create(f"{below}large", _LARGE)
    for _ in range(2):
        found = objects.read(f"{below}large")
        if found != _LARGE:
            return f"of {len(_LARGE)} bytes written, {len(found)} other ones are read"
    return "" if objects.exists(f"{below}large") else "what was written is said not to be there"


def _absence(objects: Objects, below: str) -> str:
    key = f"{below}never"
    try:
        if objects.exists(key):
            return "a key that was never written is said to exist"
        found = objects.read(key)
    except Missing:
        return ""
    except Denied:
        return "a key that was never written is answered with a denial; give the right to list"
    return f"a key that was never written is read as {len(found)} bytes"


def _replacing(objects: Objects, below: str) -> str:
    key = f"{below}pointer"
    objects.replace(key, b"old", durable=False)
    objects.replace(key, b"new", durable=False)
    return "" if objects.read(key) == objects.read(key) == b"new" else "the bytes before are still read"


def _listing(objects: Objects, below: str) -> str:
    keys = [f"{below}listed/{name}" for name in ("a", "b")]
    for key in keys:
        objects.create(key, b"12345")
    if list(objects.keys(f"{below}listed/")) != keys:
        return "a listing leaves out what was just written"
    sizes = {entry.key: (entry.size_bytes, entry.age_s) for entry in objects.entries(f"{below}listed/")}
    if list(sizes) != keys or any(size != 5 for size, _ in sizes.values()):
        return "a listing with sizes tells others than were written"
    if any(not -5 <= age_s <= _LEFT_OVER_S for _, age_s in sizes.values()):
        return "what was just written has an age beyond belief"
    return ""


def _deleting(objects: Objects, below: str) -> str:
    key = f"{below}gone"
    objects.create(key, b"x")
    objects.delete(key)
    if objects.exists(key) or key in objects.keys(below):
        return "what was deleted is still there"
    return "" if objects.create(key, b"y") is Creation.CREATED else "what was deleted cannot be made again"


_TRIED: Final[tuple[tuple[str, Callable[[Objects, str], str]], ...]] = (
    ("of two creates the first wins, and stays", _one_create_wins),
    ("of racing creates exactly one wins", _racing_creates),
    ("what was written is read at once, whole", _read_after_write),
    ("what is absent is told as missing, and by nothing else", _absence),
    ("a replacement is seen at once", _replacing),
    ("a listing shows what was written, its size and its age", _listing),
    ("what was deleted is gone", _deleting),
)


def _sweep(objects: Objects) -> None:
    """Remove what killed probes left."""
    for entry in list(objects.entries("probe/")):
        if entry.age_s > _LEFT_OVER_S:
            objects.delete(entry.key)


def _remove(objects: Objects, below: str) -> None:
    """Remove what was written; what a lying store keeps, or hides from us, is its own."""
    written = ["one", "large", "pointer", "listed/a", "listed/b", "gone", *(f"race-{n}" for n in range(_ROUNDS))]
    try:
        for name in written:
            objects.delete(f"{below}{name}")
    except RecsysError:
        pass
