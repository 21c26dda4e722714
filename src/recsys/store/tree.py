"""The directory tree under a local store: found again for every operation, and durable from the root down.

Every operation opens the root anew and works relative to that handle. A root that was moved, unmounted or replaced is
:class:`~recsys.store.port.Unavailable`: absence is only believed of the very directory that was checked.

How directories stay few to force: *nothing is put into a directory before the directory's own entry is on disk*. So a
directory that holds something needs nothing more, and only an empty one (made by us, or by a writer that died between)
has its parent forced first.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from recsys.store.port import Denied, Missing, Unavailable

__all__ = ["MARKER", "TMP", "Tree", "why"]

MARKER = "store.json"
"""The file whose bytes identify a store."""

TMP = "tmp"
_CHUNK_BYTES = 1 << 20
_DENIED = {errno.EACCES, errno.EPERM}
_ABSENT = {errno.ENOENT, errno.ENOTDIR}
_SURE = {
    # After these a system call has changed nothing. After others (EIO, EINTR, ESTALE, …) it may have.
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EXDEV,
    errno.EMLINK,
    errno.EOPNOTSUPP,
    errno.ENAMETOOLONG,
    errno.EMFILE,
    errno.ENFILE,
}


class Tree:
    """A directory that is opened, checked and written durably. Arguments as :class:`~recsys.store.local.LocalObjects`.

    Methods that take ``root_fd`` work inside the root that :meth:`checked` gave.
    """

    def __init__(self, root: Path, *, private: tuple[str, ...] = (), identity: bytes | None = None) -> None:
        self._root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() follows links, which may move
        self._private = private
        self._identity = identity
        self._inode: tuple[int, int] | None = None
        self._not_forced: str | None = None
        if identity is None:
            with self._open_root() as root_fd:
                self._inode = self._inode_of(root_fd)

    @property
    def name(self) -> str:
        return str(self._root)

    @contextmanager
    def _open_root(self) -> Iterator[int]:
        try:
            root_fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise self.problem("the store's directory", error, untouched=True) from error
        try:
            yield root_fd
        finally:
            _close(root_fd)

    @contextmanager
    def checked(self, *, writing: bool = False) -> Iterator[int]:
        """Open the root and make sure it is the store we were opened on."""
        with self._open_root() as root_fd:
            self._require_identity(root_fd)
            if writing and self._not_forced is not None:
                why = f"{self._not_forced} could not be forced to disk; check the disk, then restart this"
                raise Unavailable(self.name, why, untouched=True)
            yield root_fd

    def _require_identity(self, root_fd: int) -> None:
        if self._identity is None:
            if self._inode_of(root_fd) != self._inode:
                raise Unavailable(self.name, "another directory stands in its place", untouched=True)
            return
        try:
            marker_fd = os.open(MARKER, os.O_RDONLY | os.O_CLOEXEC, dir_fd=root_fd)
        except OSError as error:
            if error.errno in _ABSENT:
                raise Unavailable(self.name, f"its {MARKER} is gone", untouched=True) from error
            raise self.problem(MARKER, error, untouched=True) from error
        try:
            with self.told(MARKER, untouched=True):
                found = os.read(marker_fd, len(self._identity) + 1)
            if found != self._identity:
                raise Unavailable(self.name, "another store stands in its place", untouched=True)
        finally:
            _close(marker_fd)

    def _inode_of(self, root_fd: int) -> tuple[int, int]:
        with self.told("the store's directory", untouched=True):
            found = os.fstat(root_fd)
        return found.st_dev, found.st_ino

    @contextmanager
    def folder(self, folder: PurePosixPath, root_fd: int) -> Iterator[int]:
        """Open a directory whose own entry is on disk, making it and its parents where needed."""
        if folder == PurePosixPath("."):
            yield root_fd
            return
        unsure = False
        try:
            folder_fd = self._open_folder(folder, root_fd)
        except FileNotFoundError:
            with self.folder(folder.parent, root_fd) as parent_fd:
                self._make_folder(folder, parent_fd)
                self.force(parent_fd, str(folder.parent))
                folder_fd = self._open_made(folder, root_fd)
        else:
            unsure = self._is_empty(folder, folder_fd)
        try:
            if unsure:
                with self.folder(folder.parent, root_fd) as parent_fd:
                    self.force(parent_fd, str(folder.parent))
            yield folder_fd
        finally:
            _close(folder_fd)

    def _open_folder(self, folder: PurePosixPath, root_fd: int) -> int:
        try:
            return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root_fd)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self.problem(str(folder), error, untouched=True) from error

    def _open_made(self, folder: PurePosixPath, root_fd: int) -> int:
        try:
            return self._open_folder(folder, root_fd)
        except FileNotFoundError as error:
            raise self.problem(str(folder), error, untouched=True) from error

    def _make_folder(self, folder: PurePosixPath, parent_fd: int) -> None:
        try:
            os.mkdir(folder.name, 0o700 if self._is_private(f"{folder}/") else 0o777, dir_fd=parent_fd)
        except FileExistsError:
            pass
        except OSError as error:
            raise self.problem(str(folder), error, untouched=True) from error

    def _is_empty(self, folder: PurePosixPath, folder_fd: int) -> bool:
        try:
            with os.scandir(folder_fd) as entries:
                return next(entries, None) is None
        except OSError as error:
            raise self.problem(str(folder), error, untouched=True) from error

    def write_temporary(self, key: str, data: bytes, root_fd: int, *, durable: bool) -> str:
        """Write a file of its own in ``tmp/`` and return its path; nothing is left of it when this raises."""
        temporary = f"{TMP}/{os.getpid()}-{secrets.token_hex(8)}"
        try:
            file_fd = self._open_temporary(temporary, 0o600 if self._is_private(key) else 0o666, root_fd)
        except OSError as error:
            raise self.problem(key, error, untouched=True) from error
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file_fd, rest) :]
            if durable:
                os.fsync(file_fd)
        except OSError as error:
            self.discard(temporary, root_fd)
            raise self.problem(key, error, untouched=True) from error
        finally:
            _close(file_fd)
        return temporary

    def _open_temporary(self, temporary: str, mode: int, root_fd: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(temporary, flags, mode, dir_fd=root_fd)
        except FileNotFoundError:
            try:
                os.mkdir(TMP, dir_fd=root_fd)  # nothing in it needs to outlive a power loss
            except FileExistsError:
                pass
            return os.open(temporary, flags, mode, dir_fd=root_fd)

    def discard(self, temporary: str, root_fd: int) -> None:
        try:
            os.unlink(temporary, dir_fd=root_fd)
        except OSError:
            pass  # a stray file in tmp/ is harmless, and swept later

    def force(self, handle: int, name: str) -> None:
        """Force a file or directory to disk. One failure ends all writing here: a second try may lie."""
        try:
            os.fsync(handle)
        except OSError as error:
            self._not_forced = name
            raise Unavailable(self.name, f"{why(error)}, forcing {name} to disk") from error

    @contextmanager
    def opened(self, key: str, root_fd: int) -> Iterator[int]:
        """Open a file to read; raises :class:`~recsys.store.port.Missing`."""
        try:
            file_fd = os.open(key, os.O_RDONLY | os.O_CLOEXEC, dir_fd=root_fd)
        except OSError as error:
            if error.errno in _ABSENT:
                raise Missing(key, where=self.name) from error
            raise self.problem(key, error) from error
        try:
            with self.told(key):
                is_file = stat.S_ISREG(os.fstat(file_fd).st_mode)
            if not is_file:
                raise Missing(key, where=self.name)
            yield file_fd
        finally:
            _close(file_fd)

    def now_s(self, root_fd: int) -> float:
        """Return the file system's own time, in seconds since 1970: what it writes on a new file."""
        mark = self.write_temporary(TMP, b"", root_fd, durable=False)
        with self.told(TMP):
            now_s = os.stat(mark, dir_fd=root_fd).st_mtime
        self.discard(mark, root_fd)
        return now_s

    def chunks(self, file_fd: int, key: str) -> Iterator[bytes]:
        while True:
            with self.told(key):
                chunk = os.read(file_fd, _CHUNK_BYTES)
            if not chunk:
                return
            yield chunk

    def is_file(self, path: PurePosixPath, root_fd: int) -> bool:
        try:
            found = os.stat(path, dir_fd=root_fd)
        except OSError as error:
            if error.errno in _ABSENT:
                return False
            raise self.problem(str(path), error, untouched=True) from error
        return stat.S_ISREG(found.st_mode)

    def listed(self, folder: str, root_fd: int) -> list[tuple[str, bool]]:
        try:
            folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root_fd)
        except OSError as error:
            if error.errno in _ABSENT:
                return []
            raise self.problem(folder, error) from error
        try:
            with self.told(folder), os.scandir(folder_fd) as entries:
                return [(entry.name, entry.is_dir()) for entry in entries]
        finally:
            _close(folder_fd)

    def _is_private(self, key: str) -> bool:
        return key.startswith(self._private)

    @contextmanager
    def told(self, key: str, *, untouched: bool = False) -> Iterator[None]:
        """Say an error of the system in our words."""
        try:
            yield
        except OSError as error:
            raise self.problem(key, error, untouched=untouched) from error

    def failed(self, key: str, error: OSError) -> Denied | Unavailable:
        """Say why the act that would have changed the store failed, and whether it surely changed nothing."""
        if error.errno == errno.EXDEV:
            return Unavailable(self.name, f"{TMP}/ and {key} are on different file systems", untouched=True)
        return self.problem(key, error, untouched=error.errno in _SURE)

    def problem(self, key: str, error: OSError, *, untouched: bool = False) -> Denied | Unavailable:
        if error.errno in _DENIED:
            return Denied(self.name, key)
        return Unavailable(self.name, f"{why(error)} ({key})", untouched=untouched)


def _close(handle: int) -> None:
    try:
        os.close(handle)
    except OSError:
        pass  # the handle is gone either way, and what had to be on disk was forced before


def why(error: OSError) -> str:
    """Say an error of the system in its own words."""
    return error.strerror or str(error)
