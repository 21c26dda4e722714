"""A directory as a store: durable, atomic, and never taking a directory that went away for an empty one.

How a file comes to be: it is written in ``tmp/``, forced to disk, linked under its key (``link`` fails when something
is there: that is the create-if-absent), and the directory is forced to disk. A writer killed anywhere before the link
leaves a stray file in ``tmp/`` and nothing else.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from recsys.store.names import check_key, check_prefix, is_key
from recsys.store.port import Busy, CopyFailed, Creation, Entry, Missing, Unavailable
from recsys.store.tree import TMP, Tree, why

__all__ = ["LocalObjects"]

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}


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
        self._tree = Tree(root, private=private, identity=identity)

    def __repr__(self) -> str:
        return f"LocalObjects({self.name!r})"

    @property
    def name(self) -> str:
        return self._tree.name

    def create(self, key: str, data: bytes) -> Creation:
        path = _path(key)
        with self._tree.checked(writing=True) as root_fd:
            if self._tree.is_file(path, root_fd):
                return Creation.EXISTS  # spares a write; the link below is what decides
            with self._tree.folder(path.parent, root_fd) as folder_fd:
                temporary = self._tree.write_temporary(key, data, root_fd, durable=True)
                try:
                    os.link(temporary, path.name, src_dir_fd=root_fd, dst_dir_fd=folder_fd, follow_symlinks=False)
                except FileExistsError:
                    return Creation.EXISTS
                except OSError as error:
                    if error.errno in _NO_LINKS:
                        why_not = "its file system refuses hard links"
                        raise Unavailable(self.name, why_not, untouched=True) from error
                    raise self._tree.failed(key, error) from error
                finally:
                    self._tree.discard(temporary, root_fd)
                self._tree.force(folder_fd, str(path.parent))
        return Creation.CREATED

    def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
        path = _path(key)
        with self._tree.checked(writing=True) as root_fd, self._tree.folder(path.parent, root_fd) as folder_fd:
            temporary = self._tree.write_temporary(key, data, root_fd, durable=durable)
            try:
                os.replace(temporary, path.name, src_dir_fd=root_fd, dst_dir_fd=folder_fd)
            except OSError as error:
                self._tree.discard(temporary, root_fd)
                raise self._tree.failed(key, error) from error
            if durable:
                self._tree.force(folder_fd, str(path.parent))

    def read(self, key: str) -> bytes:
        with self._tree.checked() as root_fd, self._tree.opened(check_key(key), root_fd) as file_fd:
            return b"".join(self._tree.chunks(file_fd, key))

    def fetch(self, key: str, into: Path) -> None:
        with self._tree.checked() as root_fd, self._tree.opened(check_key(key), root_fd) as file_fd:
            try:
                with into.open("xb") as target:
                    for chunk in self._tree.chunks(file_fd, key):
                        target.write(chunk)
            except OSError as error:
                raise CopyFailed(into, why(error)) from error

    def exists(self, key: str) -> bool:
        path = _path(key)
        with self._tree.checked() as root_fd:
            return self._tree.is_file(path, root_fd)

    def confirm(self, key: str) -> None:
        folder = _path(key).parent
        with self._tree.checked(writing=True) as root_fd:
            with self._tree.opened(check_key(key), root_fd) as file_fd:
                self._tree.force(file_fd, key)
            with self._tree.folder(folder, root_fd) as folder_fd:
                self._tree.force(folder_fd, str(folder))

    def renew(self, key: str) -> None:
        path = _path(key)
        with self._tree.checked(writing=True) as root_fd:
            try:
                os.utime(path, dir_fd=root_fd)
            except FileNotFoundError as error:
                raise Missing(key, where=self.name) from error
            except OSError as error:
                raise self._tree.failed(key, error) from error

    def now_s(self) -> float:
        with self._tree.checked(writing=True) as root_fd:
            return self._tree.now_s(root_fd)

    def entries(self, prefix: str) -> Iterator[Entry]:
        now_s = self.now_s()
        for key in self.keys(prefix):
            with self._tree.checked() as root_fd:
                try:
                    found = os.stat(key, dir_fd=root_fd)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise self._tree.problem(key, error) from error
            yield Entry(key=key, size_bytes=found.st_size, age_s=now_s - found.st_mtime)

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
        path = _path(key)
        with self._tree.checked(writing=True) as root_fd:
            if not self._tree.is_file(path, root_fd):
                return
            with self._tree.folder(path.parent, root_fd) as folder_fd:
                try:
                    os.unlink(path.name, dir_fd=folder_fd)
                except FileNotFoundError:
                    return
                except OSError as error:
                    raise self._tree.failed(key, error) from error
                self._tree.force(folder_fd, str(path.parent))

    @contextmanager
    def alone(self, prefix: str) -> Iterator[None]:
        """As :class:`~recsys.store.port.Lockable` says, by a lock on the directory, which its holder's death frees."""
        folder = _path(prefix.rstrip("/"))
        with self._tree.checked(writing=True) as root_fd, self._tree.folder(folder, root_fd) as folder_fd:
            try:
                fcntl.flock(folder_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(prefix, where=self.name) from None
            except OSError as error:
                raise self._tree.problem(prefix, error, untouched=True) from error
            yield

    def sweep(self, *, grace_s: float = 86_400.0) -> int:
        """Remove what killed writers left in ``tmp/`` longer than ``grace_s`` ago, by the store's own clock.

        Returns how many files. A writer slower than the grace loses its file and is told
        :class:`Unavailable`.
        """
        swept = 0
        with self._tree.checked(writing=True) as root_fd:
            left = [entry for entry, is_folder in self._tree.listed(TMP, root_fd) if not is_folder]
            if not left:
                return 0
            now_s = self._tree.now_s(root_fd)
            for name in left:
                try:
                    if now_s - os.stat(f"{TMP}/{name}", dir_fd=root_fd).st_mtime > grace_s:
                        os.unlink(f"{TMP}/{name}", dir_fd=root_fd)
                        swept += 1
                except OSError:
                    continue  # finished or swept by another
        return swept

    def _entries(self, prefix: str) -> list[tuple[str, bool]]:
        """List what lies right below a prefix as (name, whether it is a folder), in the order of keys."""
        with self._tree.checked() as root_fd:
            found = self._tree.listed(prefix.rstrip("/") or ".", root_fd)
        found = [(name, is_folder) for name, is_folder in found if is_key(f"{prefix}{name}")]
        return sorted(found, key=lambda entry: entry[0] + "/" * entry[1])


def _path(key: str) -> PurePosixPath:
    return PurePosixPath(check_key(key))
