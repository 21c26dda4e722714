"""Compile one release into this host's own files."""

from pathlib import Path
from typing import Protocol

from recsys.releases.record import Release

__all__ = ["BlobSource", "prepare"]


class BlobSource(Protocol):
    """Where blobs come from; the store's blobs are one."""

    def read(self, tenant: str, digest: str) -> bytes:
        """Return a blob's bytes, verified against their digest."""

    def fetch(self, tenant: str, digest: str, into: Path) -> None:
        """Copy a blob into a new file, verified against its digest."""


def prepare(release: Release, *, blobs: BlobSource, root: Path) -> Path:
    """Copy, verify and compile what a release names; return the directory to give to ``open_snapshot``.

    Under ``root``: ``copies/`` holds the blobs as they are, ``shelves/`` what was compiled from them, named
    by its inputs, and ``snapshots/<tenant>/<generation>-<digest>/`` what belongs together. What is there is
    used as it is: a change of rules or config, and a rollback, compile nothing. Two processes may prepare at
    once.

    Raises
    ------
    SnapshotRejected
        When anything the release names is not fit to be served. Nothing is left half-made.
    """
    raise NotImplementedError(release, blobs, root)
