"""Opening a store by its address, and the identity it carries."""

import os
import time
import urllib.parse
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from recsys.encoding import canonical, rfc3339
from recsys.errors import Failed, NotFound, RecsysError, UsageError
from recsys.store.blobs import Blobs
from recsys.store.local import LocalObjects
from recsys.store.log import ObjectLog
from recsys.store.memory import MemoryObjects
from recsys.store.port import Creation, Denied, Log, Missing, Objects, Unavailable
from recsys.store.probe import Soundness
from recsys.store.tree import MARKER

__all__ = ["FORMAT", "NewerFormat", "Store", "open_store"]

FORMAT = 1
"""The store layout this version reads and writes."""

_POSTGRES = "postgresql"

_BUCKET = "s3://"

_BUCKET_PACE_S = 1.0
"""In a bucket each look for a record to come is a request that is paid for: one a second and tenant is enough."""

_PRIVATE = ("access/", "access-snapshots/", "events/", "secrets/")
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
    soundness: Soundness = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = isinstance(self.objects, MemoryObjects)  # of this process: there is nobody to lie
        object.__setattr__(self, "soundness", Soundness(self.objects, self.releases, known=known))

    def require_sound(self) -> None:
        """Make sure, once a process, that this store keeps the promises that publishing relies on.

        Raises :class:`~recsys.store.probe.StoreBreaksPromise`.
        """
        self.soundness.require()

    def close(self) -> None:
        """Close the connections a log may hold; the next use opens them again."""
        self.releases.close()
        self.access.close()


class _Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ``store.json`` says; written once. ``log``: where the logs are, empty for the store itself."""

    format: int
    id: str
    created: str
    log: str = ""


def open_store(
    address: str | Path, *, log: str | None = None, create: bool = True, clock: Callable[[], float] = time.time
) -> Store:
    """Open the store at a path, a ``file://`` URL, ``s3://bucket/prefix``, or ``memory:`` (a new one in this process).

    Parameters
    ----------
    log
        Where its logs are: ``None`` in the store itself, or ``postgresql://…``. A store is made with the one or the
        other and keeps it: two logs of one store would be two truths.
    create
        Make it when there is nothing. A directory or prefix that holds other things is never made into a store.
    clock
        Seconds since 1970, for the label of a new store.

    Raises
    ------
    NotFound
        There is no store, and ``create`` is false.
    UsageError
        The address means nothing here, or names a file or other things; or the log of this store is elsewhere.
    NewerFormat, Denied, Unavailable
        It cannot be read by this version, by this user, or now.
    """
    text = os.fspath(address)
    kept = _POSTGRES if log else ""
    if log and not log.startswith(("postgresql://", "postgres://")):
        raise UsageError("a log is in the store, or in PostgreSQL", next_step="give --log postgresql://…, or no --log")
    fresh = canonical(_Identity(format=FORMAT, id=uuid.uuid4().hex, created=rfc3339(clock()), log=kept))
    objects, identity = _found(text, fresh, create=create)
    if identity.log != kept:
        where = "in PostgreSQL" if identity.log else "in the store itself"
        raise UsageError(
            f"the log of store {objects.name} is {where}",
            next_step="give its address with --log or RECSYS_LOG" if identity.log else "leave --log and RECSYS_LOG out",
        )
    return _opened(objects, identity, log, pace_s=_BUCKET_PACE_S if text.startswith(_BUCKET) else 0.0)


def _found(text: str, fresh: bytes, *, create: bool) -> tuple[Objects, _Identity]:
    """Open the objects at an address, made with the marker ``fresh`` where there are none and that is asked for."""
    if text == "memory:":
        memory = MemoryObjects()
        return memory, _identity_of(_mark(memory, fresh), where=memory.name)
    if text.startswith(_BUCKET):
        return _bucket(text, fresh, create=create)
    root = _directory_of(text)
    marker = _marker_at(root)
    if marker is None:
        _require_makeable(root, create=create)
        marker = _make(root, fresh)
    local = LocalObjects(root, private=_PRIVATE, identity=marker)
    identity = _identity_of(marker, where=local.name)
    try:
        local.sweep()
    except RecsysError:
        pass  # tidying is no reason not to open: a reader may lack the right
    return local, identity


def _bucket(address: str, fresh: bytes, *, create: bool) -> tuple[Objects, _Identity]:
    from recsys.store.bucket import bucket_at

    bucket = bucket_at(address, os.environ)
    try:
        marker = bucket.read(MARKER)
    except Missing:
        other = next(bucket.keys(""), None)
        if other is not None and other != MARKER:
            raise _not_a_store(bucket.name, [other]) from None
        if not create:
            raise _no_store(bucket.name) from None
        marker = _mark(bucket, fresh)
    return bucket_at(address, os.environ, identity=marker), _identity_of(marker, where=bucket.name)


def _opened(objects: Objects, identity: _Identity, log: str | None, *, pace_s: float) -> Store:
    if log:
        from recsys.store.postgres import Database, PostgresLog  # its driver is only loaded where it is used

        database = Database(log, store_id=identity.id)
        releases: Log = PostgresLog(database, "releases")
        access: Log = PostgresLog(database, "access")
    else:
        releases = ObjectLog(objects, "releases", pace_s=pace_s)
        access = ObjectLog(objects, "access", pace_s=pace_s)
    return Store(
        name=objects.name,
        id=identity.id,
        objects=objects,
        blobs=Blobs(objects),
        releases=releases,
        access=access,
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
            next_step="use a path, file:///a/path, or s3://bucket/prefix",
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
        raise _not_a_store(str(root), others)
    if not create:
        raise _no_store(str(root))


def _not_a_store(where: str, others: list[str]) -> UsageError:
    more = ", …" if len(others) > 3 else ""
    return UsageError(
        f"{where} is not a store: it has no {MARKER}, and holds {', '.join(others[:3])}{more}",
        next_step=f"give an empty one; or, if it was a store, put its {MARKER} back",
    )


def _no_store(where: str) -> NotFound:
    return NotFound(
        f"there is no store at {where}",
        next_step="check the path (--store or RECSYS_STORE); recsys tenants create NAME makes a new one",
    )


def _make(root: Path, fresh: bytes) -> bytes:
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
    return _mark(LocalObjects(root), fresh)


def _mark(objects: Objects, fresh: bytes) -> bytes:
    if objects.create(MARKER, fresh) is Creation.CREATED:
        return fresh
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
