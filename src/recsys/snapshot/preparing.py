"""Compile one release into this host's own files."""

from collections.abc import Callable
from pathlib import Path
from typing import Never, TypeVar

import msgspec
import numpy as np

from recsys.documents import read_config, read_rules
from recsys.encoding import canonical, digest, parse_rfc3339
from recsys.errors import RecsysError
from recsys.releases.closure import check_artifact, check_manifest, read_manifest
from recsys.releases.manifest import ArtifactRef, Manifest
from recsys.releases.record import FORMAT as RELEASE_FORMAT
from recsys.releases.record import Release
from recsys.snapshot.compiling import LAYOUT, compile_shelf
from recsys.snapshot.copies import BlobSource, Copies, is_intact
from recsys.snapshot.errors import SnapshotRejected
from recsys.snapshot.layout import FORMAT, Contents, File, ShelfFile, shelf_path, snapshot_path
from recsys.snapshot.sealed import write_durably, write_sealed
from recsys.store.columns import Columns
from recsys.store.port import CopyFailed, Denied, Unavailable

__all__ = ["MAX_ARTIFACT_BYTES", "MAX_ITEMS", "MAX_SURFACES", "BlobSource", "prepare"]

CHECKS = 1
"""Raised when the checks become stricter, so that copies that passed older ones are checked again."""
MAX_ARTIFACT_BYTES = 8 << 30
"""A hundred million neighbours are 1.6 GB; past this, a manifest is wrong rather than big."""
MAX_ITEMS = 20_000_000
"""Item numbers, places and slots are 32-bit, and preparing takes memory in proportion."""
MAX_SURFACES = 1_000
"""As many as a config may name."""
_DAY_S = 86_400.0

_UNFIT = (ArithmeticError, LookupError, TypeError, ValueError, MemoryError)
"""What numpy and plain Python raise when hostile bytes get past the shape of a format."""

_T = TypeVar("_T")


def prepare(release: Release, *, blobs: BlobSource, root: Path) -> Path:
    """Copy, verify and compile what a release names; return the directory to give to ``open_snapshot``.

    Under ``root``: ``copies/`` holds the blobs as they are, ``shelves/`` what was compiled from them, named
    by its inputs, and ``snapshots/<tenant>/<generation>-<digest>/`` what belongs together. What is there is
    used as it is: a change of rules or config, and a rollback, compile nothing. Two processes may prepare at
    once. Copies are hashed once per process.

    Raises
    ------
    SnapshotRejected
        When anything the release names is not fit to be served. Nothing is left half-made.
    Unavailable, Denied, CopyFailed, OSError
        When the store does not answer or says no, or this host's disk is full or failing: nothing was found out about
        the release.
    """
    for _ in range(2):
        directory, files = _Preparation(release, blobs=blobs, root=root).run()
        if all((root / file.path).exists() for file in files):
            break  # else another process collected what we meant to use again; now it is named and stays
    return directory


class _Preparation:
    def __init__(self, release: Release, *, blobs: BlobSource, root: Path) -> None:
        self._release = release
        self._root = root
        self._copies = Copies(root, release.tenant, blobs)
        self._shelves: list[ShelfFile] = []
        self._catalogs: dict[str, File] = {}
        self._data_until: dict[str, float] = {}
        self._sources: dict[str, File] = {}

    def run(self) -> tuple[Path, list[File]]:
        release = self._release
        if release.requires.format > RELEASE_FORMAT:
            self._reject(f"it requires format {release.requires.format}; this version reads {RELEASE_FORMAT}")
        if release.overlay is not None:
            self._reject("it names an overlay of the catalogue, which this version does not read")
        if len(release.surfaces) > MAX_SURFACES:
            self._reject(f"limit exceeded: surfaces {len(release.surfaces)} > {MAX_SURFACES}")
        config = self._document("config", release.config, read_config)
        rules = self._document("rules", release.rules, read_rules)
        withdrawn = None
        if release.withdrawn is not None:
            withdrawn = self._document("withdrawn", release.withdrawn, read_ids)
        for surface in sorted(release.surfaces):
            named = release.surfaces[surface].manifest
            if named is not None:
                self._surface(surface, named)
        contents = Contents(
            format=FORMAT,
            release=release,
            config=config,
            rules=rules,
            shelves=tuple(self._shelves),
            catalogs=self._catalogs,
            data_until=self._data_until,
            withdrawn=withdrawn,
            sources=tuple(self._sources[path] for path in sorted(self._sources)),
        )
        directory = snapshot_path(self._root, release, digest(release.encode()))
        directory.mkdir(parents=True, exist_ok=True)
        write_sealed(directory / "snapshot.json", canonical(contents))
        return directory, contents.files()

    def _surface(self, surface: str, named: str) -> None:
        what = f"manifest {_short(named)} of {surface}"
        manifest = self._checked(what, lambda: read_manifest(self._bytes(named)))
        self._checked(what, lambda: check_manifest(manifest, tenant=self._release.tenant, surface=surface))
        file = self._copies.of(named)
        self._sources[file.path] = file
        self._data_until[surface] = self._checked(what, lambda: _end_of(manifest))
        if manifest.catalog is not None:
            self._catalogs[surface] = self._artifact("catalog", manifest.catalog, surface)
        every = {ref.artifact: (name, ref) for name, refs in manifest.signals.items() for ref in refs}
        for name, ref in every.values():
            self._artifact(name, ref, surface)
        segments = {ref.segment for refs in manifest.signals.values() for ref in refs if ref.segment is not None}
        for segment in (None, *sorted(segments)):
            self._shelves.append(self._shelf(surface, segment, manifest))

    def _shelf(self, surface: str, segment: str | None, manifest: Manifest) -> ShelfFile:
        tenant = self._release.tenant
        popularity = [ref.artifact for ref in _nearest(manifest, "popularity", segment)]
        cooc = next((ref.artifact for ref in _nearest(manifest, "cooc", segment)), None)
        catalog = manifest.catalog.artifact if manifest.catalog else None
        named = {"layout": LAYOUT, "catalog": catalog, "popularity": popularity, "cooc": cooc}
        if catalog is None and not popularity and cooc is None:
            self._reject(f"{surface} has neither a catalogue nor signals for everyone: nothing could be shown")
        relative = shelf_path(tenant, digest(canonical(named)))
        path = self._root / relative
        found = _noted(path)
        if found is None:
            compiled = self._checked(
                f"the shelf of {surface}",
                lambda: compile_shelf(
                    self._mapped(catalog) if catalog else None,
                    [self._mapped(name) for name in popularity],
                    self._mapped(cooc) if cooc else None,
                ),
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, compiled)
            write_durably(_note_of(path), digest(compiled).encode())
            found = digest(compiled)
        compiled_file = File(relative, found, path.stat().st_size)
        cooc_file = None if cooc is None else self._copies.of(cooc)
        return ShelfFile(surface, compiled_file, segment, cooc_file)

    def _artifact(self, name: str, ref: ArtifactRef, surface: str) -> File:
        """Copy one artifact and check all its promises, once in the life of the copy."""
        what = f"{name} artifact {_short(ref.artifact)} of {surface}"
        if not 0 < ref.size_bytes <= MAX_ARTIFACT_BYTES:
            self._reject(f"{what}: limit exceeded: size_bytes {ref.size_bytes} > {MAX_ARTIFACT_BYTES}")
        file = self._checked(what, lambda: self._copies.of(ref.artifact))
        if file.size_bytes != ref.size_bytes:
            self._reject(f"{what}: it has {file.size_bytes} bytes; the manifest says {ref.size_bytes}")
        self._checked(what, lambda: self._check(name, ref, surface))
        self._sources[file.path] = file
        return file

    def _check(self, name: str, ref: ArtifactRef, surface: str) -> None:
        where = "" if ref.scope == "tenant" else f" of {surface}/{ref.segment or ''}"
        passed = self._copies.path(self._copies.of(ref.artifact)).with_suffix(".passed")
        role = f"{CHECKS}: {name} {ref.scope}{where}"
        roles = passed.read_text().splitlines() if passed.exists() else []
        if role in roles:
            return
        columns = self._mapped(ref.artifact)
        items = len(columns["items.offsets"]) - 1
        if items > MAX_ITEMS:
            raise ValueError(f"limit exceeded: items {items} > {MAX_ITEMS}")
        for column, dtype in _DTYPES[name].items():
            if columns[column].dtype != np.dtype(dtype):
                raise ValueError(f"column {column} is {columns[column].dtype}, not {np.dtype(dtype)}")
        check_artifact(name, columns, ref, tenant=self._release.tenant, surface=surface)
        write_durably(passed, "\n".join([*roles, role]).encode())

    def _document(self, what: str, named: str, read: Callable[[bytes], object]) -> File:
        self._checked(f"{what} {_short(named)}", lambda: read(self._bytes(named)))
        return self._copies.of(named)

    def _bytes(self, named: str) -> bytes:
        return self._copies.path(self._copies.of(named)).read_bytes()

    def _mapped(self, named: str) -> Columns:
        return Columns.map(self._copies.path(self._copies.of(named)))

    def _checked(self, what: str, do: Callable[[], _T]) -> _T:
        try:
            return do()
        except (Unavailable, Denied, CopyFailed, OSError, SnapshotRejected):
            raise  # nothing is known against the release
        except RecsysError as error:
            self._reject(f"{what}: {error.message}", error)
        except (msgspec.MsgspecError, *_UNFIT) as error:
            self._reject(f"{what}: {str(error) or type(error).__name__}", error)

    def _reject(self, reason: str, cause: BaseException | None = None) -> Never:
        line = " ".join(reason.split())[:400]
        raise SnapshotRejected(tenant=self._release.tenant, generation=self._release.generation, reason=line) from cause


def read_ids(data: bytes) -> list[str]:
    """Read a list of item ids."""
    return msgspec.json.decode(data, type=list[str])


_DTYPES = {
    "catalog": {"price": "f8", "created_at": "f8", "available": "?", "brand": "i4", "category": "i4"},
    "popularity": {"score": "f8", "order": "i4"},
    "cooc": {"offsets": "i8", "neighbours": "i4", "weight": "f8"},
}
"""What is read at full speed, without asking again for its type."""


def _nearest(manifest: Manifest, signal: str, segment: str | None) -> list[ArtifactRef]:
    """Return a signal's artifacts for a segment, the nearest first: segment, surface, tenant."""
    refs = manifest.signals.get(signal, ())
    wanted: list[tuple[str, str | None]] = [("segment", segment)] if segment is not None else []
    wanted += [("surface", None), ("tenant", None)]
    return [ref for scope in wanted for ref in refs if (ref.scope, ref.segment) == scope]


def _end_of(manifest: Manifest) -> float:
    """Return the end of the last day of a manifest's window."""
    return parse_rfc3339(f"{manifest.window.end}T00:00:00Z", what="window.end") + _DAY_S


def _note_of(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _noted(path: Path) -> str | None:
    """Return the digest of a compiled file that is what it was; ``None`` when it has to be made again."""
    try:
        found = _note_of(path).read_text().strip()
    except OSError:
        return None
    return found if is_intact(path, found) else None


def _short(named: str) -> str:
    return named[:19]
