"""The host's own verified copies of blobs, and the check that a file is what it was."""

import hashlib
from pathlib import Path
from typing import Protocol

from recsys.snapshot.layout import File, copy_path

__all__ = ["BlobSource", "Copies", "is_intact", "sha256_of"]

_checked: set[tuple[str, int, int, int, str]] = set()
"""(path, inode, size, time of change, digest) of files this process has hashed: a rollback hashes nothing twice."""


class BlobSource(Protocol):
    """Where blobs come from; the store's blobs are one."""

    def read(self, tenant: str, digest: str) -> bytes:
        """Return a blob's bytes, verified against their digest."""

    def fetch(self, tenant: str, digest: str, into: Path) -> None:
        """Copy a blob into a new file, verified against its digest."""

    def exists(self, tenant: str, digest: str) -> bool:
        """Tell whether a blob is there, without reading it."""


class Copies:
    """Copies of one tenant's blobs under ``root/copies/<tenant>/``."""

    def __init__(self, root: Path, tenant: str, blobs: BlobSource) -> None:
        self._root, self._tenant, self._blobs = root, tenant, blobs

    def of(self, digest: str) -> File:
        """Return the verified copy of a blob, fetching it when it is not here or damaged."""
        relative = copy_path(self._tenant, digest)
        path = self._root / relative
        if not is_intact(path, digest):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._blobs.fetch(self._tenant, digest, path)
            if not is_intact(path, digest):
                raise ValueError("it changed on its way to this host")
        return File(relative, digest, path.stat().st_size)

    def is_kept(self, digest: str) -> bool:
        """Tell whether the store still has a blob, whatever this host has."""
        return self._blobs.exists(self._tenant, digest)

    def path(self, file: File) -> Path:
        """Return where a file lies."""
        return self._root / file.path


def is_intact(path: Path, digest: str) -> bool:
    """Tell whether a file is there and hashes right; hashes it once per process while it does not change."""
    try:
        status = path.stat()
    except OSError:
        return False
    key = (str(path), status.st_ino, status.st_size, status.st_mtime_ns, digest)
    if key in _checked:
        return True
    if sha256_of(path) != digest:
        return False
    _checked.add(key)
    return True


def sha256_of(path: Path) -> str:
    """Return the digest of a file's bytes."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
