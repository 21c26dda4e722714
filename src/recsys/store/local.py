"""A directory as a store: durable, atomic, and never taking a directory that went away for an empty one.

How a file comes to be: it is written in ``tmp/``, forced to disk, linked under its key (``link`` fails when
something is there: that is the create-if-absent), and the directory is forced to disk. A writer killed
anywhere before the link leaves a stray file in ``tmp/`` and nothing else.

How directories stay few to force: *nothing is put into a directory before the directory's own entry is on
disk*. So a directory that holds something needs nothing more, and only an empty one (made by us, or by a
writer that died between) has its parent forced first.

Every operation opens the root anew and works relative to that handle. A root that was moved, unmounted or
replaced is :class:`~recsys.store.port.Unavailable`: absence is only believed of the very directory that was
checked.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from recsys.store.names import check_key, check_prefix, is_key
from recsys.store.port import CopyFailed, Creation, Denied, Missing, Unavailable

__all__ = ["MARKER", "LocalObjects"]

MARKER = "store.json"
"""The file whose bytes identify a store."""

_TMP = "tmp"
_CHUNK_BYTES = 1 << 20
_DENIED = {errno.EACCES, errno.EPERM}
_ABSENT = {errno.ENOENT, errno.ENOTDIR}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}
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


class LocalObjects:
    """:class:`~recsys.store.port.Objects` in a directory of a file system with hard links.

    Parameters
    ----------
    root
        The directory; it must exist.
    private
        Prefixes (``"access/"``) whose files only their owner may read: mode 0600, directories 0700. Others
        get 0644 and 0755, less the umask.
    identity
        The bytes of ``store.json``: while other bytes stand there, or none, the store is away. Without it,
        the store is the directory that stands at ``root`` now, by device and inode.
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

    def __repr__(self) -> str:
        return f"LocalObjects({str(self._root)!r})"

    @property
    def name(self) -> str:
        return str(self._root)

    def create(self, key: str, data: bytes) -> Creation:
        path = self._path(key)
        with self._checked_root(writing=True) as root_fd:
            if self._is_file(path, root_fd):
                return Creation.EXISTS  # spares a write; the link below is what decides
            with self._directory(path.parent, root_fd) as folder_fd:
                temporary = self._write_temporary(key, data, root_fd, durable=True)
                try:
                    os.link(
                        temporary, path.name, src_dir_fd=root_fd, dst_dir_fd=folder_fd, follow_symlinks=False
                    )
                except FileExistsError:
                    return Creation.EXISTS
                except OSError as error:
                    raise self._link_failed(key, error) from error
                finally:
                    self._discard(temporary, root_fd)
                self._sync(folder_fd, str(path.parent))
        return Creation.CREATED

    def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
        path = self._path(key)
        with self._checked_root(writing=True) as root_fd, self._directory(path.parent, root_fd) as folder_fd:
            temporary = self._write_temporary(key, data, root_fd, durable=durable)
            try:
                os.replace(temporary, path.name, src_dir_fd=root_fd, dst_dir_fd=folder_fd)
            except OSError as error:
                self._discard(temporary, root_fd)
                raise self._problem(key, error, untouched=error.errno in _SURE) from error
            if durable:
                self._sync(folder_fd, str(path.parent))

    def read(self, key: str) -> bytes:
        with self._checked_root() as root_fd, self._opened(key, root_fd) as file_fd:
            return b"".join(self._chunks(file_fd, key))

    def fetch(self, key: str, into: Path) -> None:
        with self._checked_root() as root_fd, self._opened(key, root_fd) as file_fd:
            try:
                with into.open("xb") as target:
                    for chunk in self._chunks(file_fd, key):
                        target.write(chunk)
            except OSError as error:
                raise CopyFailed(into, _why(error)) from error

    def exists(self, key: str) -> bool:
        path = self._path(key)
        with self._checked_root() as root_fd:
            return self._is_file(path, root_fd)

    def confirm(self, key: str) -> None:
        folder = self._path(key).parent
        with self._checked_root(writing=True) as root_fd:
            with self._opened(key, root_fd) as file_fd:
                self._sync(file_fd, key)
            with self._directory(folder, root_fd) as folder_fd:
                self._sync(folder_fd, str(folder))

    def keys(self, prefix: str) -> Iterator[str]:
        check_prefix(prefix)
        for name, is_folder in self._entries(prefix):
            if is_folder:
                yield from self.keys(f"{prefix}{name}/")
            else:
                yield f"{prefix}{name}"

    def folders(self, prefix: str) -> list[str]:
        check_prefix(prefix)
        names = sorted(name for name, is_folder in self._entries(prefix) if is_folder)
        return [name for name in names if next(self.keys(f"{prefix}{name}/"), None) is not None]

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._checked_root(writing=True) as root_fd:
            if not self._is_file(path, root_fd):
                return
            with self._directory(path.parent, root_fd) as folder_fd:
                try:
                    os.unlink(path.name, dir_fd=folder_fd)
                except FileNotFoundError:
                    return
                except OSError as error:
                    raise self._problem(key, error, untouched=error.errno in _SURE) from error
                self._sync(folder_fd, str(path.parent))

    def sweep(self, *, grace_s: float = 86_400.0) -> int:
        """Remove what killed writers left in ``tmp/`` longer than ``grace_s`` ago, by the store's own clock.

        Returns how many files. A writer slower than the grace loses its file and is told
        :class:`Unavailable`.
        """
        swept = 0
        with self._checked_root(writing=True) as root_fd:
            left = [entry for entry, is_folder in self._listed(_TMP, root_fd) if not is_folder]
            if not left:
                return 0
            mark = self._write_temporary("tmp", b"", root_fd, durable=False)
            with self._told("tmp"):
                now = os.stat(mark, dir_fd=root_fd).st_mtime
            self._discard(mark, root_fd)
            for name in left:
                try:
                    if now - os.stat(f"{_TMP}/{name}", dir_fd=root_fd).st_mtime > grace_s:
                        os.unlink(f"{_TMP}/{name}", dir_fd=root_fd)
                        swept += 1
                except OSError:
                    continue  # finished or swept by another
        return swept

    @contextmanager
    def _open_root(self) -> Iterator[int]:
        try:
            root_fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise self._problem("the store's directory", error, untouched=True) from error
        try:
            yield root_fd
        finally:
            _close(root_fd)

    @contextmanager
    def _checked_root(self, *, writing: bool = False) -> Iterator[int]:
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
            raise self._problem(MARKER, error, untouched=True) from error
        try:
            with self._told(MARKER, untouched=True):
                found = os.read(marker_fd, len(self._identity) + 1)
            if found != self._identity:
                raise Unavailable(self.name, "another store stands in its place", untouched=True)
        finally:
            _close(marker_fd)

    def _inode_of(self, root_fd: int) -> tuple[int, int]:
        with self._told("the store's directory", untouched=True):
            found = os.fstat(root_fd)
        return found.st_dev, found.st_ino

    @contextmanager
    def _directory(self, folder: PurePosixPath, root_fd: int) -> Iterator[int]:
        """Open a directory whose own entry is on disk, making it and its parents where needed."""
        if folder == PurePosixPath("."):
            yield root_fd
            return
        unsure = False
        try:
            folder_fd = self._open_folder(folder, root_fd)
        except FileNotFoundError:
            with self._directory(folder.parent, root_fd) as parent_fd:
                self._make_folder(folder, parent_fd)
                self._sync(parent_fd, str(folder.parent))
                folder_fd = self._open_made(folder, root_fd)
        else:
            unsure = self._is_empty(folder, folder_fd)
        try:
            if unsure:
                with self._directory(folder.parent, root_fd) as parent_fd:
                    self._sync(parent_fd, str(folder.parent))
            yield folder_fd
        finally:
            _close(folder_fd)

    def _open_folder(self, folder: PurePosixPath, root_fd: int) -> int:
        try:
            return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root_fd)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._problem(str(folder), error, untouched=True) from error

    def _open_made(self, folder: PurePosixPath, root_fd: int) -> int:
        try:
            return self._open_folder(folder, root_fd)
        except FileNotFoundError as error:
            raise self._problem(str(folder), error, untouched=True) from error

    def _make_folder(self, folder: PurePosixPath, parent_fd: int) -> None:
        try:
            os.mkdir(folder.name, 0o700 if self._is_private(f"{folder}/") else 0o777, dir_fd=parent_fd)
        except FileExistsError:
            pass
        except OSError as error:
            raise self._problem(str(folder), error, untouched=True) from error

    def _is_empty(self, folder: PurePosixPath, folder_fd: int) -> bool:
        try:
            with os.scandir(folder_fd) as entries:
                return next(entries, None) is None
        except OSError as error:
            raise self._problem(str(folder), error, untouched=True) from error

    def _write_temporary(self, key: str, data: bytes, root_fd: int, *, durable: bool) -> str:
        """Write a file of its own in ``tmp/`` and return its path; nothing is left of it when this raises."""
        temporary = f"{_TMP}/{os.getpid()}-{secrets.token_hex(8)}"
        try:
            file_fd = self._open_temporary(temporary, 0o600 if self._is_private(key) else 0o666, root_fd)
        except OSError as error:
            raise self._problem(key, error, untouched=True) from error
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file_fd, rest) :]
            if durable:
                os.fsync(file_fd)
        except OSError as error:
            self._discard(temporary, root_fd)
            raise self._problem(key, error, untouched=True) from error
        finally:
            _close(file_fd)
        return temporary

    def _open_temporary(self, temporary: str, mode: int, root_fd: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(temporary, flags, mode, dir_fd=root_fd)
        except FileNotFoundError:
            try:
                os.mkdir(_TMP, dir_fd=root_fd)  # nothing in it needs to outlive a power loss
            except FileExistsError:
                pass
            return os.open(temporary, flags, mode, dir_fd=root_fd)

    def _discard(self, temporary: str, root_fd: int) -> None:
        try:
            os.unlink(temporary, dir_fd=root_fd)
        except OSError:
            pass  # a stray file in tmp/ is harmless, and swept later

    def _sync(self, handle: int, name: str) -> None:
        """Force a file or directory to disk. One failure ends all writing here: a second try may lie."""
        try:
            os.fsync(handle)
        except OSError as error:
            self._not_forced = name
            raise Unavailable(self.name, f"{_why(error)}, forcing {name} to disk") from error

    @contextmanager
    def _opened(self, key: str, root_fd: int) -> Iterator[int]:
        try:
            file_fd = os.open(self._path(key), os.O_RDONLY | os.O_CLOEXEC, dir_fd=root_fd)
        except OSError as error:
            if error.errno in _ABSENT:
                raise Missing(key, where=self.name) from error
            raise self._problem(key, error) from error
        try:
            with self._told(key):
                is_file = stat.S_ISREG(os.fstat(file_fd).st_mode)
            if not is_file:
                raise Missing(key, where=self.name)
            yield file_fd
        finally:
            _close(file_fd)

    def _chunks(self, file_fd: int, key: str) -> Iterator[bytes]:
        while True:
            with self._told(key):
                chunk = os.read(file_fd, _CHUNK_BYTES)
            if not chunk:
                return
            yield chunk

    def _is_file(self, path: PurePosixPath, root_fd: int) -> bool:
        try:
            found = os.stat(path, dir_fd=root_fd)
        except OSError as error:
            if error.errno in _ABSENT:
                return False
            raise self._problem(str(path), error, untouched=True) from error
        return stat.S_ISREG(found.st_mode)

    def _entries(self, prefix: str) -> list[tuple[str, bool]]:
        """List what lies right below a prefix as (name, whether it is a folder), in the order of keys."""
        with self._checked_root() as root_fd:
            found = self._listed(prefix.rstrip("/") or ".", root_fd)
        found = [(name, is_folder) for name, is_folder in found if is_key(f"{prefix}{name}")]
        return sorted(found, key=lambda entry: entry[0] + "/" * entry[1])

    def _listed(self, folder: str, root_fd: int) -> list[tuple[str, bool]]:
        try:
            folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root_fd)
        except OSError as error:
            if error.errno in _ABSENT:
                return []
            raise self._problem(folder, error) from error
        try:
            with self._told(folder), os.scandir(folder_fd) as entries:
                return [(entry.name, entry.is_dir()) for entry in entries]
        finally:
            _close(folder_fd)

    def _path(self, key: str) -> PurePosixPath:
        return PurePosixPath(check_key(key))

    def _is_private(self, key: str) -> bool:
        return key.startswith(self._private)

    @contextmanager
    def _told(self, key: str, *, untouched: bool = False) -> Iterator[None]:
        """Say an error of the system in our words."""
        try:
            yield
        except OSError as error:
            raise self._problem(key, error, untouched=untouched) from error

    def _link_failed(self, key: str, error: OSError) -> Denied | Unavailable:
        if error.errno in _NO_LINKS:
            return Unavailable(self.name, "its file system refuses hard links", untouched=True)
        if error.errno == errno.EXDEV:
            return Unavailable(self.name, f"tmp/ and {key} are on different file systems", untouched=True)
        return self._problem(key, error, untouched=error.errno in _SURE)

    def _problem(self, key: str, error: OSError, *, untouched: bool = False) -> Denied | Unavailable:
        if error.errno in _DENIED:
            return Denied(self.name, key)
        return Unavailable(self.name, f"{_why(error)} ({key})", untouched=untouched)


def _close(handle: int) -> None:
    try:
        os.close(handle)
    except OSError:
        pass  # the handle is gone either way, and what had to be on disk was forced before


def _why(error: OSError) -> str:
    return error.strerror or str(error)
