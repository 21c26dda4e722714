"""The files a process appends events to: one per tenant, stream and day, rotated by size and age.

A file is born under ``open/`` with a lock that lives as long as its writer, and moves to ``ready/`` when it
is full or old enough. What a killed writer left under ``open/`` is nobody's: :func:`recover` cuts its torn
tail and moves it on.
"""

import fcntl
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from recsys.events.layout import EventFile, Stream, event_files, utc_day
from recsys.store.names import check_name

__all__ = ["Recovered", "Spool", "move_on", "next_name", "put_at", "recover"]


class _Open:
    """One file being written: its descriptor (which holds the lock), where it lies, how much is surely in
    it.
    """

    __slots__ = ("born", "day", "fd", "path", "size")

    def __init__(self, fd: int, path: Path, day: str, born: float) -> None:
        self.fd, self.path, self.day, self.born = fd, path, day, born
        self.size = 0


class Spool:
    """Appends lines of events for one writer of one process. Not thread-safe: one writer, one spool.

    Parameters
    ----------
    root
        The host's spool directory.
    host, worker
        Who writes; part of every file's name.
    rotate_bytes, rotate_s
        A file that is larger or older than this moves to ``ready/`` at the next append or :meth:`rotate`.
    """

    def __init__(
        self,
        root: Path,
        *,
        host: str,
        worker: str,
        rotate_bytes: int = 32 << 20,
        rotate_s: float = 60.0,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._writer = f"{check_name(host, what='host')}-{check_name(worker, what='worker')}"
        self._rotate_bytes, self._rotate_s = rotate_bytes, rotate_s
        self._wall, self._monotonic = wall, monotonic
        self._open: dict[tuple[str, Stream], _Open] = {}

    def append(self, tenant: str, stream: Stream, lines: bytes, *, sync: bool = False) -> None:
        """Append whole lines (each ending in a newline) with one write; all of them are in the file, or none.

        With ``sync`` they are on the disk when this returns; without, they outlive this process but not the
        power.

        Raises
        ------
        OSError
            The disk is full, gone or broken. After a failed fsync it is not known whether the lines are
            there: the file is given up, and sending the same events again is safe because readers drop
            duplicates.
        """
        file = self._file(tenant, stream, sync=sync)
        try:
            _write_whole(file.fd, lines)
        except OSError:
            self._cut_back(file, (tenant, stream))
            raise
        file.size += len(lines)
        if sync:
            try:
                os.fsync(file.fd)
            except OSError:
                self._let_go((tenant, stream))
                raise

    def rotate(self, *, everything: bool = False) -> None:
        """Move what is old enough (or everything) to ``ready/``."""
        for key, file in list(self._open.items()):
            if everything or self._due(file):
                self._let_go(key)

    def close(self) -> None:
        """Move everything to ``ready/``. The spool can be used again afterwards."""
        self.rotate(everything=True)

    def _file(self, tenant: str, stream: Stream, *, sync: bool) -> _Open:
        file = self._open.get((tenant, stream))
        if file is not None and self._due(file):
            self._let_go((tenant, stream))
            file = None
        if file is None:
            file = self._open[tenant, stream] = self._create(tenant, stream, sync=sync)
        return file

    def _due(self, file: _Open) -> bool:
        return (
            file.size >= self._rotate_bytes
            or self._monotonic() - file.born >= self._rotate_s
            or file.day != utc_day(self._wall())
        )

    def _create(self, tenant: str, stream: Stream, *, sync: bool) -> _Open:
        now = self._wall()
        day = utc_day(now)
        folder = self._root / "open" / check_name(tenant, what="tenant") / stream / f"dt={day}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self._writer}-{int(now * 1000)}.jsonl"
        while True:
            fd = None if self._taken(path) else _create_locked(path)
            if fd is not None:
                if sync:  # a file whose name is lost with the power holds nothing
                    _sync_folders(folder, up_to=self._root)
                return _Open(fd, path, day, self._monotonic())
            path = next_name(path)

    def _taken(self, path: Path) -> bool:
        """Tell whether a file that has moved on bears this name: each name is one file's, in all states."""
        place = path.relative_to(self._root / "open")
        return (self._root / "ready" / place).exists() or (self._root / "shipped" / place).exists()

    def _cut_back(self, file: _Open, key: tuple[str, Stream]) -> None:
        try:
            os.ftruncate(file.fd, file.size)
        except OSError:
            self._let_go(key)  # torn, and the disk does not let us mend it: recovery will

    def _let_go(self, key: tuple[str, Stream]) -> None:
        """Finish a file. When even the rename fails it stays under ``open/``, unlocked, for recovery."""
        file = self._open.pop(key)
        try:
            if os.fstat(file.fd).st_size == file.size:
                _settle(file.path, self._root)
        except OSError:
            pass
        finally:
            os.close(file.fd)


class Recovered(msgspec.Struct, frozen=True):
    """What :func:`recover` did: files moved to ``ready/``, and bytes of torn or damaged lines cut out of
    them.
    """

    files: int
    cut_bytes: int


def recover(root: Path) -> Recovered:
    """Move files that no living process writes from ``open/`` to ``ready/``, without what is not a whole
    line.

    A line is whole when it ends in a newline and is JSON: a lost page leaves zeros in the middle of a file.
    """
    files = cut = 0
    for file in event_files(root / "open"):
        try:
            fd = os.open(file.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            if not _lock(fd, file.path):
                continue
            cut += _mend(fd, file.path)
            _settle(file.path, root)
            files += 1
        finally:
            os.close(fd)
    return Recovered(files, cut)


def _mend(fd: int, path: Path) -> int:
    """Cut what is not a whole line; return how many bytes went."""
    with os.fdopen(os.dup(fd), "rb") as reader:
        before = reader.read()
    kept = b"".join(line for line in before.splitlines(keepends=True) if _whole(line))
    if before.startswith(kept):
        os.ftruncate(fd, len(kept))
        os.fsync(fd)
    else:  # damage in the middle: a new file beside it, so that being killed here loses nothing
        mended = path.with_suffix(".mending")
        with mended.open("wb") as file:
            os.fchmod(file.fileno(), stat.S_IMODE(os.fstat(fd).st_mode))
            file.write(kept)
            file.flush()
            os.fsync(file.fileno())
        mended.replace(path)
        _sync_folders(path.parent, up_to=path.parent)
    return len(before) - len(kept)


def _whole(line: bytes) -> bool:
    if not line.endswith(b"}\n"):
        return False
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _write_whole(fd: int, data: bytes) -> None:
    written = os.write(fd, data)
    while written < len(data):  # a signal, or the last free bytes of a disk: the next call says which
        written += os.write(fd, memoryview(data)[written:])


def _create_locked(path: Path) -> int | None:
    """Create and lock a file; ``None`` when the name is taken, or when recovery was quicker than our lock."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    except FileExistsError:
        return None
    if _lock(fd, path):
        return fd
    os.close(fd)
    return None


def _lock(fd: int, path: Path) -> bool:
    """Lock a file if nobody holds it and it still lies where it was found."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(fd).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def _settle(path: Path, root: Path) -> None:
    """Move a finished file to ``ready/``; one without a line is removed."""
    if path.stat().st_size:
        _move(path, root, "ready")
    else:
        path.unlink()


def _move(path: Path, root: Path, state: str) -> Path:
    """Move a file to the same place in another state folder, or beside it where another has that name.

    Never over another file: a clock that was set back gives the same name twice.
    """
    place = path.relative_to(root).parts[1:]
    target = root.joinpath(state, *place)
    target.parent.mkdir(parents=True, exist_ok=True)
    return put_at(path, target)


def put_at(path: Path, target: Path) -> Path:
    """Give a file the name ``target``, or the next one that is free; return what it got."""
    while True:
        try:
            target.hardlink_to(path)
        except FileExistsError:
            if target.samefile(path):  # linked by a process that was killed before the next line
                break
            target = next_name(target)
        else:
            break
    path.unlink()
    return target


def next_name(path: Path) -> Path:
    """Count the number at the end of an event file's name one up."""
    stem, _, number = path.stem.rpartition("-")
    return path.with_name(f"{stem}-{int(number) + 1}.jsonl")


def _sync_folders(folder: Path, *, up_to: Path) -> None:
    while True:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        if folder == up_to:
            return
        folder = folder.parent


def move_on(file: EventFile, root: Path, state: str) -> Path:
    """Move an event file of a spool to another state."""
    return _move(file.path, root, state)
