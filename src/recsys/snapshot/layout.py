"""Where a host keeps what it prepared, and what a snapshot file says.

::

    <root>/copies/<tenant>/<hex>                          blobs as they are in the store, by digest
    <root>/shelves/<tenant>/<hex>                         compiled for ranking, named by the digest of the inputs
    <root>/snapshots/<tenant>/<generation>-<hex>/snapshot.json   what belongs together
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from recsys.releases.record import Release

__all__ = [
    "FORMAT",
    "OPENED",
    "ArmFiles",
    "Contents",
    "File",
    "ProfilesFile",
    "ShelfFile",
    "copy_path",
    "shelf_path",
    "snapshot_path",
]

FORMAT = 2
"""Raised when what a snapshot file says changes its meaning."""

OPENED = (1, FORMAT)
"""The formats that open here. One that does not is prepared again, and with the store away the host has its floor."""


class File(msgspec.Struct, frozen=True):
    """A file under the root, as it was when the snapshot was made."""

    path: str
    digest: str
    size_bytes: int


class ShelfFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """The files of one shelf: compiled, and the artifacts of neighbours, by signal, that are mapped as they are.

    ``cooc`` is where format 1 named its only one.
    """

    surface: str
    compiled: File
    segment: str | None = None
    near: Mapping[str, File] = {}
    cooc: File | None = None

    def neighbours(self) -> dict[str, File]:
        """Return the artifacts of neighbours by signal, of any format."""
        return {**self.near, **({} if self.cooc is None else {"cooc": self.cooc})}

    def files(self) -> list[File]:
        """Return every file of the shelf."""
        return [self.compiled, *self.neighbours().values()]


class ProfilesFile(msgspec.Struct, frozen=True):
    """The profiles of a surface, and the last day (UTC) on which they may be used."""

    file: File
    retain_until: date


class ArmFiles(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one manifest comes to on its surface; for the arm of a candidate also its documents, as the store has them.

    ``data_until`` is seconds since 1970.
    """

    shelves: tuple[ShelfFile, ...]
    data_until: float
    catalog: File | None = None
    config: File | None = None
    rules: File | None = None
    profiles: ProfilesFile | None = None

    def files(self) -> list[File]:
        """Return every file that answering needs."""
        found = [file for file in (self.catalog, self.config, self.rules) if file is not None]
        found += [self.profiles.file] if self.profiles is not None else []
        for shelf in self.shelves:
            found += shelf.files()
        return found


class Contents(msgspec.Struct, frozen=True, omit_defaults=True):
    """What ``snapshot.json`` holds.

    ``data_until`` is seconds since 1970, by surface; ``arms`` is what candidates serve, by surface. ``sources`` are the
    manifests and the artifacts: not read any more, and kept so that preparing again fetches nothing.
    """

    format: int
    release: Release
    config: File
    rules: File
    shelves: tuple[ShelfFile, ...]
    catalogs: Mapping[str, File]
    data_until: Mapping[str, float]
    withdrawn: File | None = None
    erased: File | None = None
    sources: tuple[File, ...] = ()
    arms: Mapping[str, ArmFiles] = {}
    profiles: Mapping[str, ProfilesFile] = {}

    def files(self) -> list[File]:
        """Return every file that answering needs."""
        found = [self.config, self.rules, *self.catalogs.values()]
        found += [kept.file for kept in self.profiles.values()]
        found += [named for named in (self.withdrawn, self.erased) if named]
        for shelf in self.shelves:
            found += shelf.files()
        for arm in self.arms.values():
            found += arm.files()
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
