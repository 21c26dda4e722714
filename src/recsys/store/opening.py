"""Opening a store by its address, and the identity it carries."""

import os
import time
import urllib.parse
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from recsys.encoding import canonical, rfc3339
from recsys.errors import Failed, NotFound, RecsysError, UsageError
from recsys.store.blobs import Blobs
from recsys.store.local import LocalObjects
from recsys.store.log import ObjectLog
from recsys.store.memory import MemoryObjects
from recsys.store.port import Creation, Denied, Log, Objects, Unavailable
from recsys.store.tree import MARKER

__all__ = ["FORMAT", "NewerFormat", "Store", "open_store"]

FORMAT = 1
"""The store layout this version reads and writes."""

_PRIVATE = ("access/", "events/")
"""Keys and pseudonym secrets, and what people did: for the owner alone, whatever the umask."""


class NewerFormat(Failed):
    """The store was written by a newer version than this one can read."""

    code = "FORMAT_NEWER"

    def __init__(self, where: str, *, found: int, known: int) -> None:
        super().__init__(
            f"store {where} has format {found}, and this version reads up to {known}",
            next_step="upgrade recsys-suite on this host; nothing was changed",
        )


@dataclass(frozen=True, kw_only=True)
class Store:
    """An open store: bytes under keys, blobs by digest, and the two logs. ``id`` is its identity for life."""

    name: str
    id: str
    objects: Objects
    blobs: Blobs
    releases: Log
    access: Log


class _Identity(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    id: str
    created: str


def open_store(address: str | Path, *, create: bool = True, clock: Callable[[], float] = time.time) -> Store:
    """Open the store at a path, a ``file://`` URL, or ``memory:`` (a new one in this process).

    Parameters
    ----------
    create
        Make it when the directory is absent or empty. A directory that holds other things is never made into
        a store.
    clock
        Seconds since 1970, for the label of a new store.

    Raises
    ------
    NotFound
        There is no store, and ``create`` is false.
    UsageError
        The address means nothing here, or names a file or a directory of other things.
    NewerFormat, Denied, Unavailable
        It cannot be read by this version, by this user, or now.
    """
    text = os.fspath(address)
    if text == "memory:":
        objects: Objects = MemoryObjects()
        return _opened(objects, _identity_of(_mark(objects, clock), where=objects.name))
    root = _directory_of(text)
    marker = _marker_at(root)
    if marker is None:
        _require_makeable(root, create=create)
        marker = _make(root, clock)
    local = LocalObjects(root, private=_PRIVATE, identity=marker)
    identity = _identity_of(marker, where=local.name)
    try:
        local.sweep()
    except RecsysError:
        pass  # tidying is no reason not to open: a reader may lack the right
    return _opened(local, identity)


def _opened(objects: Objects, identity: _Identity) -> Store:
    return Store(
        name=objects.name,
        id=identity.id,
        objects=objects,
        blobs=Blobs(objects),
        releases=ObjectLog(objects, "releases"),
        access=ObjectLog(objects, "access"),
    )


def _directory_of(address: str) -> Path:
    if "://" not in address:
        if not address:
            raise UsageError("the store has no address", next_step="give a path with --store, or set RECSYS_STORE")
        return Path(address).expanduser().absolute()
    url = urllib.parse.urlsplit(address)
    if url.scheme != "file" or url.netloc not in ("", "localhost") or not url.path:
        raise UsageError(
            f"{url.scheme}://… is not a store this version can open",
            next_step="use a path, or file:///a/path",
        )
    return Path(urllib.parse.unquote(url.path))


def _marker_at(root: Path) -> bytes | None:
    try:
        return (root / MARKER).read_bytes()
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise UsageError(f"{root} is a file, not a store", next_step="give the directory of the store") from None
    except PermissionError:
        raise Denied(str(root), MARKER) from None
    except OSError as error:
        raise Unavailable(str(root), error.strerror or str(error)) from error


def _require_makeable(root: Path, *, create: bool) -> None:
    """Refuse to make a store where there is none to make: not asked for, or other things are there."""
    try:
        others = sorted(entry.name for entry in root.iterdir())
    except FileNotFoundError:
        others = []
    except PermissionError:
        raise Denied(str(root), "its listing") from None
    others = [name for name in others if name not in ("tmp", "lost+found")]
    if others and _marker_at(root) is not None:
        return  # another process made it between our two looks
    if others:
        raise UsageError(
            f"{root} is not a store: it has no {MARKER}, and holds {', '.join(others[:3])}"
            + (", …" if len(others) > 3 else ""),
            next_step=f"give an empty directory; or, if it was a store, put its {MARKER} back",
        )
    if not create:
        raise NotFound(
            f"there is no store at {root}",
            next_step="check the path (--store or RECSYS_STORE); recsys tenants create NAME makes a new one",
        )


def _make(root: Path, clock: Callable[[], float]) -> bytes:
    """Make the directory durable, then its identity; of racing makers one wins and all get its bytes."""
    missing = [path for path in (root, *root.parents) if not path.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        for path in missing or [root]:
            _force(path.parent)
    except PermissionError:
        raise Denied(str(root), "a new directory") from None
    except OSError as error:
        raise Unavailable(str(root), error.strerror or str(error), untouched=True) from error
    return _mark(LocalObjects(root), clock)


def _mark(objects: Objects, clock: Callable[[], float]) -> bytes:
    marker = canonical(_Identity(format=FORMAT, id=uuid.uuid4().hex, created=rfc3339(clock())))
    if objects.create(MARKER, marker) is Creation.CREATED:
        return marker
    return objects.read(MARKER)


def _identity_of(marker: bytes, *, where: str) -> _Identity:
    try:
        identity = msgspec.json.decode(marker, type=_Identity)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Failed(
            f"{MARKER} of store {where} is damaged: {error}",
            next_step=f"put {MARKER} back from a copy of the store",
        ) from None
    if identity.format > FORMAT:
        raise NewerFormat(where, found=identity.format, known=FORMAT)
    return identity


def _force(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
