"""Compile one release into this host's own files."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Never, TypeVar

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from recsys.catalog import OverlayRow, read_overlay
from recsys.documents import read_config, read_rules
from recsys.encoding import canonical, digest, parse_rfc3339
from recsys.errors import RecsysError
from recsys.releases.arm import arm_of, candidates_in, name_of
from recsys.releases.closure import check_artifact, check_manifest, check_sold
from recsys.releases.manifest import ArtifactRef, Manifest, read_manifest
from recsys.releases.record import FORMAT as RELEASE_FORMAT
from recsys.releases.record import Candidate, Release
from recsys.signals import NEIGHBOURS, profiles
from recsys.snapshot.compiling import LAYOUT, compile_shelf
from recsys.snapshot.copies import BlobSource, Copies, is_intact
from recsys.snapshot.errors import SnapshotRejected
from recsys.snapshot.layout import FORMAT, ArmFiles, Contents, File, ProfilesFile, ShelfFile, shelf_path, snapshot_path
from recsys.snapshot.overlaid import OVERLAID, overlay_shelf
from recsys.snapshot.sealed import write_durably, write_sealed
from recsys.store.columns import Columns
from recsys.store.port import CopyFailed, Denied, Unavailable

__all__ = ["MAX_ARTIFACT_BYTES", "MAX_ITEMS", "MAX_SURFACES", "BlobSource", "prepare"]

CHECKS = 2
"""Raised when the checks become stricter, so that copies that passed older ones are checked again."""
MAX_ARTIFACT_BYTES = 8 << 30
"""A hundred million neighbours are 1.6 GB; past this, a manifest is wrong rather than big."""
MAX_ITEMS = 20_000_000
"""Item numbers, places and slots are 32-bit, and preparing takes memory in proportion."""
MAX_SURFACES = 1_000
"""As many as a config may name."""
_AT_ONCE = 4
"""So many artifacts are copied and checked at once,"""
_SMALL_BYTES = 64 << 20
"""if none is larger than this: a check holds several times the artifact, and large ones take turns."""
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
        self._sources: dict[str, File] = {}
        self._overlay: tuple[OverlayRow, ...] = ()

    def run(self) -> tuple[Path, list[File]]:
        release = self._release
        if release.requires.format > RELEASE_FORMAT:
            self._reject(f"it requires format {release.requires.format}; this version reads {RELEASE_FORMAT}")
        if len(release.surfaces) > MAX_SURFACES:
            self._reject(f"limit exceeded: surfaces {len(release.surfaces)} > {MAX_SURFACES}")
        config = self._document("config", release.config, read_config)
        rules = self._document("rules", release.rules, read_rules)
        withdrawn = None
        if release.withdrawn is not None:
            withdrawn = self._document("withdrawn", release.withdrawn, read_ids)
        if release.overlay is not None:
            overlay = self._document("overlay", release.overlay, self._read_overlay)
            self._sources[overlay.path] = overlay
        erased = None if release.erased is None else self._document("erased", release.erased, read_ids)
        live = {
            surface: self._surface(surface, served.manifest)
            for surface, served in sorted(release.surfaces.items())
            if served.manifest is not None
        }
        arms = {surface: self._arm(surface, candidate) for surface, candidate in candidates_in(release)}
        contents = Contents(
            format=FORMAT,
            release=release,
            config=config,
            rules=rules,
            shelves=tuple(shelf for files in live.values() for shelf in files.shelves),
            catalogs={surface: files.catalog for surface, files in live.items() if files.catalog is not None},
            data_until={surface: files.data_until for surface, files in live.items()},
            withdrawn=withdrawn,
            erased=erased,
            sources=tuple(self._sources[path] for path in sorted(self._sources)),
            arms=arms,
            profiles={surface: files.profiles for surface, files in live.items() if files.profiles is not None},
        )
        directory = snapshot_path(self._root, release, digest(release.encode()))
        directory.mkdir(parents=True, exist_ok=True)
        write_sealed(directory / "snapshot.json", canonical(contents))
        return directory, contents.files()

    def _arm(self, surface: str, candidate: Candidate) -> ArmFiles:
        """Prepare what a candidate serves: its manifest, or the surface's, and its documents.

        The documents are not put together here but at every opening: that costs no file, and can go wrong only here.
        """
        release, what = self._release, f"candidate {name_of(surface, candidate)}"
        if not 0 < candidate.share <= 1:
            self._reject(f"{what}: a share of {candidate.share:g}; it must lie above 0, at most 1")
        named = candidate.manifest or release.surfaces[surface].manifest
        if named is None:
            self._reject(f"{what}: {surface} serves nothing beside it")
        files = self._surface(surface, named)
        config, rules = candidate.config, candidate.rules
        made = ArmFiles(
            shelves=files.shelves,
            data_until=files.data_until,
            catalog=files.catalog,
            profiles=files.profiles,
            config=None if config is None else self._document(f"config of {what}", config, read_config),
            rules=None if rules is None else self._document(f"rules of {what}", rules, read_rules),
        )
        self._checked(what, lambda: arm_of(release, surface, self._bytes))
        return made

    def _surface(self, surface: str, named: str) -> ArmFiles:
        what = f"manifest {_short(named)} of {surface}"
        manifest = self._checked(what, lambda: read_manifest(self._bytes(named)))
        self._checked(what, lambda: check_manifest(manifest, tenant=self._release.tenant, surface=surface))
        file = self._copies.of(named)
        self._sources[file.path] = file
        data_until = self._checked(what, lambda: _end_of(manifest))
        manifest = self._without_collected(manifest)
        signals = [(name, ref) for name, refs in manifest.signals.items() for ref in refs]
        catalog = self._artifacts(manifest.catalog, signals, surface)
        segments = {ref.segment for refs in manifest.signals.values() for ref in refs if ref.segment is not None}
        shelves = tuple(self._shelf(surface, segment, manifest) for segment in (None, *sorted(segments)))
        kept = self._profiles(manifest, surface)
        return ArmFiles(shelves=shelves, data_until=data_until, catalog=catalog, profiles=kept)

    def _artifacts(
        self, catalog: ArtifactRef | None, signals: Sequence[tuple[str, ArtifactRef]], surface: str
    ) -> File | None:
        """Copy and check artifacts, some at once: most of the time goes to disks, digests and sorting, which take turns
        with nobody. What is wrong is told in the order of the manifest.
        """
        sizes = [ref.size_bytes for _, ref in signals] + ([catalog.size_bytes] if catalog else [])
        at_once = _AT_ONCE if max(sizes, default=0) <= _SMALL_BYTES else 1
        with ThreadPoolExecutor(at_once) as pool:
            sold = None if catalog is None else pool.submit(self._artifact, "catalog", catalog, surface)
            copied = [pool.submit(self._artifact, name, ref, surface) for name, ref in signals]
            file = None if sold is None else sold.result()
            for (name, ref), artifact in zip(signals, copied, strict=True):
                artifact.result()
                if catalog is not None:
                    self._sold(name, ref, catalog, surface)
        return file

    def _profiles(self, manifest: Manifest, surface: str) -> ProfilesFile | None:
        ref = manifest.profiles
        if not ref or ref.retain_until is None:
            return None
        return ProfilesFile(self._artifact(profiles.KIND, ref, surface), ref.retain_until)

    def _without_collected(self, manifest: Manifest) -> Manifest:
        """Leave out personal artifacts that were deleted after their last day, also where this host has a copy: the
        rest is whole without them.
        """
        signals = {
            name: tuple(ref for ref in refs if not ref.personal or self._copies.is_kept(ref.artifact))
            for name, refs in manifest.signals.items()
        }
        kept = manifest.profiles
        return replace(
            manifest,
            signals={name: refs for name, refs in signals.items() if refs},
            profiles=kept if kept and self._copies.is_kept(kept.artifact) else UNSET,
        )

    def _shelf(self, surface: str, segment: str | None, manifest: Manifest) -> ShelfFile:
        popularity = [ref.artifact for ref in _nearest(manifest, "popularity", segment)]
        near = {signal: refs[0].artifact for signal in NEIGHBOURS if (refs := _nearest(manifest, signal, segment))}
        catalog = manifest.catalog.artifact if manifest.catalog else None
        named = {"layout": LAYOUT, "catalog": catalog, "popularity": popularity, "near": near}
        if catalog is None and not popularity and not near:
            self._reject(f"{surface} has neither a catalogue nor signals for everyone: nothing could be shown")
        compiled_file = self._compiled(
            f"the shelf of {surface}",
            named,
            lambda: compile_shelf(
                self._mapped(catalog) if catalog else None,
                [self._mapped(name) for name in popularity],
                {signal: self._mapped(name) for signal, name in near.items()},
            ),
        )
        compiled_file = self._overlaid(surface, compiled_file)
        return ShelfFile(
            surface, compiled_file, segment, {signal: self._copies.of(name) for signal, name in near.items()}
        )

    def _read_overlay(self, data: bytes) -> None:
        self._overlay = read_overlay(data)

    def _overlaid(self, surface: str, shelf: File) -> File:
        """Lay the overlay over a shelf; where it speaks of none of its items, the shelf is what it was."""
        overlay = self._release.overlay
        if overlay is None:
            return shelf
        self._sources[shelf.path] = shelf  # the next update is laid over it again
        return self._compiled(
            f"the overlay on the shelf of {surface}",
            {"shelf": shelf.digest, "overlay": overlay, "layout": OVERLAID},
            lambda: overlay_shelf(Columns.map(self._root / shelf.path), self._overlay),
            otherwise=shelf,
        )

    def _compiled(
        self, what: str, inputs: object, make: Callable[[], bytes | None], *, otherwise: File | None = None
    ) -> File:
        """Return the file made of these inputs, made now if it is not there; ``otherwise`` when nothing is made."""
        relative = shelf_path(self._release.tenant, digest(canonical(inputs)))
        path = self._root / relative
        found = _noted(path)
        if found is None:
            made = self._checked(what, make)
            if made is None:
                assert otherwise is not None
                return otherwise
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, made)
            found = digest(made)
            write_durably(_note_of(path), found.encode())
        return File(relative, found, path.stat().st_size)

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

    def _sold(self, name: str, ref: ArtifactRef, catalog: ArtifactRef, surface: str) -> None:
        what = f"{name} artifact {_short(ref.artifact)} of {surface}"
        self._checked(what, lambda: check_sold(self._mapped(ref.artifact), self._mapped(catalog.artifact)))

    def _check(self, name: str, ref: ArtifactRef, surface: str) -> None:
        where = "" if ref.scope == "tenant" else f" of {surface}/{ref.segment or ''}"
        passed = self._copies.path(self._copies.of(ref.artifact)).with_suffix(".passed")
        role = f"{CHECKS}: {name} {ref.scope}{where}"
        roles = _text(passed).splitlines()
        if role in roles:
            return
        columns = self._mapped(ref.artifact)
        items = len(columns["items.offsets"]) - 1
        if items > MAX_ITEMS:
            raise ValueError(f"limit exceeded: items {items} > {MAX_ITEMS}")
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
    """Read a list of ids: of items, or pseudonyms."""
    return msgspec.json.decode(data, type=list[str])


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
    found = _text(_note_of(path)).strip()
    return found if is_intact(path, found) else None


def _text(path: Path) -> str:
    """Return what is noted beside a file; a note that is damaged says nothing."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _short(named: str) -> str:
    return named[:19]
