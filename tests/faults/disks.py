"""Small disks that fill up: a file system of a few megabytes, or one that says it is full from some call on."""

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Ballast", "FullFrom", "may_mount", "quick_disk", "small_disk"]

_PAGE = 4096
_ENOUGH_BYTES = 256 << 20


@contextmanager
def quick_disk() -> Iterator[Path]:
    """Give a folder in memory where there is room for one: for faults that have nothing to do with what is durable."""
    memory = Path("/dev/shm")
    usable = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ENOUGH_BYTES
    with tempfile.TemporaryDirectory(dir=memory if usable else None, prefix="recsys-faults-") as folder:
        yield Path(folder)


def may_mount() -> bool:
    """Tell whether :func:`small_disk` works here."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False).returncode == 0


@contextmanager
def small_disk(at: Path, *, size_bytes: int) -> Iterator[Path]:
    """Mount a file system of this size for a while; skips the test where that is not allowed."""
    at.mkdir()
    size = f"size={size_bytes},mode=0755"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(at)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"needs a file system of its own, which only root may mount: {done.stderr.decode().strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


class Ballast:
    """A file that fills a disk, but for some pages."""

    def __init__(self, disk: Path) -> None:
        self._path = disk / "ballast"

    def fill(self, *, leave_pages: int = 0) -> None:
        """Take all the room there is, and give so many pages back."""
        size = 0
        with self._path.open("wb", buffering=0) as file:
            try:
                while True:
                    size += file.write(bytes(_PAGE))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
            file.truncate(max(0, size - leave_pages * _PAGE))

    def drop(self) -> None:
        """Give all the room back."""
        self._path.unlink()


class FullFrom:
    """Stands in for ``os``: from the ``first``-th call on that needs room (from 1), there is none."""

    _NEEDS_ROOM = frozenset({"write", "mkdir", "link", "replace", "open"})

    def __init__(self, first: int) -> None:
        self._first = first
        self.calls = 0

    @property
    def failed(self) -> bool:
        """Tell whether any call was refused."""
        return self.calls >= self._first

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        return self._refusing(name, found) if name in self._NEEDS_ROOM else found

    def _refusing(self, name: str, call: Any) -> Any:
        def refuse(*given: Any, **named: Any) -> Any:
            if name == "open" and not (len(given) > 1 and given[1] & os.O_CREAT):
                return call(*given, **named)
            self.calls += 1
            if self.calls >= self._first:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*given, **named)

        return refuse
