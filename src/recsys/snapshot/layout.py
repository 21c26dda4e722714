"""Where a host keeps what it prepared, and what a snapshot file says.

::

    <root>/copies/<tenant>/<hex>                          blobs as they are in the store, by digest
    <root>/shelves/<tenant>/<hex>                         compiled for ranking, named by the digest of the inputs
    <root>/snapshots/<tenant>/<generation>-<hex>/snapshot.json   what belongs together
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from recsys.releases.record import Release

__all__ = ["FORMAT", "Contents", "File", "ShelfFile", "copy_path", "shelf_path", "snapshot_path"]

FORMAT = 1
"""Raised when what an older version compiled can no longer be read; it is then compiled again."""


class File(msgspec.Struct, frozen=True):
    """A file under the root, as it was when the snapshot was made."""

    path: str
    digest: str
    size_bytes: int


class ShelfFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """The files of one shelf: compiled, and the artifacts that are mapped as they are."""

    surface: str
    compiled: File
    segment: str | None = None
    cooc: File | None = None


class Contents(msgspec.Struct, frozen=True, omit_defaults=True):
    """What ``snapshot.json`` holds.

    ``data_until`` is seconds since 1970, by surface. ``sources`` are the manifests and the artifacts: not read
    any more, and kept so that preparing again fetches nothing.
    """

    format: int
    release: Release
    config: File
    rules: File
    shelves: tuple[ShelfFile, ...]
    catalogs: Mapping[str, File]
    data_until: Mapping[str, float]
    withdrawn: File | None = None
    sources: tuple[File, ...] = ()

    def files(self) -> list[File]:
        """Return every file that answering needs."""
        found = [self.config, self.rules, *self.catalogs.values()]
        found += [self.withdrawn] if self.withdrawn else []
        for shelf in self.shelves:
            found += [shelf.compiled, *([shelf.cooc] if shelf.cooc else [])]
        return found


def copy_path(tenant: str, digest: str) -> str:
    """Return where the copy of a blob lies, relative to the root."""
    return f"copies/{tenant}/{digest.removeprefix('sha256:')}"


def shelf_path(tenant: str, inputs: str) -> str:
    """Return where a compiled shelf lies, relative to the root; ``inputs`` is the digest of what it is made of."""
    return f"shelves/{tenant}/{inputs.removeprefix('sha256:')}"


def snapshot_path(root: Path, release: Release, record: str) -> Path:
    """Return the directory of a snapshot; ``record`` is the digest of the release's bytes."""
    short = record.removeprefix("sha256:")[:16]
    return root / "snapshots" / release.tenant / f"{release.generation:010d}-{short}"
