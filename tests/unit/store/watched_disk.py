"""A disk that remembers what was forced to it, and can fail or lose its writer at any system call.

It stands in the place of the ``os`` module of :mod:`recsys.store.local` and ``tree``; every call really happens, in a
real directory. What would survive a power loss is kept in the worst reading of POSIX: a file's bytes once the file
was forced, a directory's entries as they were when the directory was last forced, and nothing else.
"""

import errno
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["Killed", "WatchedDisk"]

_WATCHED = {
    "open",
    "mkdir",
    "link",
    "unlink",
    "replace",
    "write",
    "fsync",
    "read",
    "stat",
    "fstat",
    "scandir",
}


class Killed(BaseException):
    """The writer is gone: it does nothing more, not even in its ``finally`` clauses."""


class WatchedDisk:
    """Passes calls on to ``os``; ``root`` as it stands now counts as forced.

    ``kill_at`` and ``fail_at`` name a call by its number from 0; ``error`` is the errno of the failing call;
    ``only`` restricts the counting to calls of that name.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kill_at: int | None = None
        self.fail_at: int | None = None
        self.error = errno.EIO
        self.only: str | None = None
        self.short_writes = False
        self.count = 0
        self.calls: Counter[str] = Counter()
        self._dead = False
        self._entries: dict[int, dict[str, int]] = {}
        self._bytes: dict[int, bytes] = {}
        for directory, _, files in os.walk(root):
            self._force_directory(directory)
            for file in files:
                path = Path(directory, file)
                self._bytes[path.stat().st_ino] = path.read_bytes()

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._watched(name, real) if name in _WATCHED else real

    def revive(self) -> None:
        """Let another process come: nothing is scheduled, counts start anew, what was forced stays."""
        self.kill_at = self.fail_at = self.only = None
        self._dead = False
        self.count = 0
        self.calls.clear()

    def after_power_loss(self, key: str) -> bytes | None:
        """Return what stands under a key when everything that was not forced is lost."""
        inode: int | None = self.root.stat().st_ino
        for part in key.split("/"):
            inode = self._entries.get(inode or 0, {}).get(part)
        return None if inode is None else self._bytes.get(inode)

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if name == "close":
                real(*args)  # a handle is gone even when closing fails, and when its process does
                return self._step(name)
            self._step(name)
            if name == "write" and self.short_writes:
                args = (args[0], args[1][: max(1, len(args[1]) // 2)])
            result = real(*args, **options)
            if name == "fsync":
                self._force(args[0])
            return result

        return call

    def _step(self, name: str) -> None:
        if self._dead:
            raise Killed
        self.calls[name] += 1
        if self.only in (None, name):
            number, self.count = self.count, self.count + 1
            if number == self.kill_at:
                self._dead = True
                raise Killed
            if number == self.fail_at:
                raise OSError(self.error, os.strerror(self.error))

    def _force(self, handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path.is_dir():
            self._force_directory(str(path))
        else:
            self._bytes[os.fstat(handle).st_ino] = path.read_bytes()

    def _force_directory(self, directory: str) -> None:
        with os.scandir(directory) as entries:
            self._entries[Path(directory).stat().st_ino] = {entry.name: entry.inode() for entry in entries}
