"""Map what was prepared."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Protocol

import msgspec

from recsys.catalog import Catalog
from recsys.documents import Config, Experiment, Rules, read_config, read_rules
from recsys.encoding import digest
from recsys.errors import NotFound, RecsysError
from recsys.ranking import Ranker, Shelf
from recsys.releases.arm import Arm, arm_of
from recsys.releases.manifest import read_manifest
from recsys.releases.record import Release, Surface, read_release
from recsys.snapshot.copies import BlobSource, is_intact
from recsys.snapshot.errors import SnapshotRejected
from recsys.snapshot.layout import OPENED, ArmFiles, Contents, File, ProfilesFile, ShelfFile
from recsys.snapshot.preparing import prepare, read_ids
from recsys.snapshot.profiles import MappedProfiles
from recsys.snapshot.sealed import Damaged, read_sealed
from recsys.snapshot.shelf import MappedShelf
from recsys.store.columns import Columns
from recsys.store.port import Log, Missing

__all__ = ["ReleaseSource", "Snapshot", "narrowed", "open_release", "open_snapshot"]


class ReleaseSource(Protocol):
    """Where releases and their blobs come from; a store is one."""

    @property
    def blobs(self) -> BlobSource:
        """The blobs."""

    @property
    def releases(self) -> Log:
        """The log: one stream per tenant."""


class Snapshot:
    """One release, ready to answer. Immutable: a new release is a new snapshot.

    ``config_version`` and ``rules_version`` are the digests of the canonical documents. ``arms`` holds, for each
    surface with a candidate, the release as it would be if that were promoted, ready to answer for that surface.
    ``experiments`` holds, for each surface on which the config has one, its id and what it is.
    """

    def __init__(self, contents: Contents, root: Path) -> None:
        release = contents.release
        self.release: Release = release
        self.tenant: str = release.tenant
        self.generation: int = release.generation
        self.config: Config = read_config((root / contents.config.path).read_bytes())
        self.rules: Rules = read_rules((root / contents.rules.path).read_bytes())
        self.config_version: str = release.config
        self.rules_version: str = release.rules
        withdrawn = contents.withdrawn
        self.withdrawn = frozenset(read_ids((root / withdrawn.path).read_bytes()) if withdrawn is not None else ())
        self._own_withdrawn = self.withdrawn
        erased = contents.erased
        self.erased = frozenset(read_ids((root / erased.path).read_bytes()) if erased is not None else ())
        self._data_until = dict(contents.data_until)
        maps = _Maps(root)
        self._shelves = maps.shelves(contents.shelves)
        self._catalogs = {surface: Catalog(maps.of(file)) for surface, file in contents.catalogs.items()}
        self._profiles = {surface: maps.profiles(kept) for surface, kept in contents.profiles.items()}
        self._rankers: dict[tuple[str, str | None, str | None], Ranker] = {}
        self._segments = _segments_in(self._shelves, self.rules)
        self.arms: Mapping[str, Snapshot] = {
            surface: self._armed(surface, files, maps, _documents(contents, files, root))
            for surface, files in contents.arms.items()
        }
        found = ((surface, self.config.at(surface).experiments) for surface in self._data_until)
        self.experiments: Mapping[str, tuple[str, Experiment]] = {
            surface: next(iter(running.items())) for surface, running in found if running
        }

    def _armed(self, surface: str, files: ArmFiles, maps: "_Maps", document: Callable[[str], bytes]) -> "Snapshot":
        other = copy.copy(self)
        other.release, made = arm_of(self.release, surface, document)
        documents = {digest(data): data for data in made}
        other.config_version, other.rules_version = other.release.config, other.release.rules
        if other.config_version in documents:
            other.config = read_config(documents[other.config_version])
        if other.rules_version in documents:
            other.rules = read_rules(documents[other.rules_version])
        elsewhere = {key: shelf for key, shelf in self._shelves.items() if key[0] != surface}
        other._shelves = elsewhere | maps.shelves(files.shelves)
        if files.catalog is not None:
            other._catalogs = {**self._catalogs, surface: Catalog(maps.of(files.catalog))}
        others = {name: kept for name, kept in self._profiles.items() if name != surface}
        other._profiles = others | ({surface: maps.profiles(files.profiles)} if files.profiles is not None else {})
        other._data_until = {**self._data_until, surface: files.data_until}
        other._rankers = {}
        other._segments = _segments_in(other._shelves, other.rules)
        other.arms, other.experiments = {}, {}
        return other

    def arm(self, surface: str, arm: Arm | str | None) -> "Snapshot":
        """Return what answers for an arm of a surface: this release itself for all but the arm of a candidate."""
        return self.arms.get(surface, self) if arm == "candidate" else self

    def without(self, item_ids: frozenset[str]) -> "Snapshot":
        """Return this release with these items withdrawn besides its own: a newer one withdraws them."""
        withdrawn = self._own_withdrawn | item_ids
        if withdrawn == self.withdrawn:
            return self
        other = copy.copy(self)
        other.withdrawn = withdrawn
        other._rankers = {}
        other.arms = {surface: arm.without(item_ids) for surface, arm in self.arms.items()}
        return other

    def surfaces(self) -> list[str]:
        """List the surfaces that have a manifest, sorted."""
        return sorted(self._data_until)

    def segments(self, surface: str) -> list[str]:
        """List the segments in which a surface may answer otherwise: by signals or by rules of their own, sorted."""
        own = {segment for name, segment in self._shelves if name == surface}
        own |= {rule.segment for rule in self.rules if rule.surface in (None, surface)}
        return sorted(segment for segment in own if segment is not None)

    def shelf(self, surface: str, segment: str | None = None) -> Shelf | None:
        """Return what ranks for a surface and segment; without its own signals, the surface's."""
        return self._shelves.get((surface, segment)) or self._shelves.get((surface, None))

    def ranker(self, surface: str, segment: str | None = None, variant: str | None = None) -> Ranker | None:
        """Return the ranker of a surface and segment; ``None`` for a surface without a manifest.

        A segment that neither signals nor rules name is answered as no segment. ``variant`` is of the surface's
        experiment; where there is none of that name it is the surface's own.
        """
        if segment not in self._segments:
            segment = None
        if variant is None or surface not in self.experiments:
            return self._ranker_on(surface, surface, segment)
        return self._ranker_of_variant(surface, segment, variant)

    def _ranker_of_variant(self, surface: str, segment: str | None, variant: str) -> Ranker | None:
        ranker = self._rankers.get((surface, segment, variant))
        if ranker is None:
            ranker = self._ranker_on(surface, surface, segment)
            config = self.config.at(surface).variants().get(variant)
            if ranker is None or config is None:
                return ranker
            ranker = self._rankers[surface, segment, variant] = ranker.tuned(config)
        return ranker

    def pair(self, surface: str, segment: str | None = None) -> Mapping[str, Ranker] | None:
        """Return the rankers of the two variants that the surface's experiment interleaves; ``None`` without one."""
        running = self.experiments.get(surface)
        if running is None or running[1].type != "interleave":
            return None
        found = {name: self.ranker(surface, segment, name) for name in sorted(running[1].variants)}
        return {name: ranker for name, ranker in found.items() if ranker is not None}

    def _ranker_on(self, shelved: str, surface: str, segment: str | None) -> Ranker | None:
        """Return the ranker for ``surface`` over the shelf of ``shelved``, made at its first use."""
        ranker = self._rankers.get((surface, segment, None))
        if ranker is None:
            shelf = self.shelf(shelved, segment)
            if shelf is None:
                return None
            ranker = self._rankers[surface, segment, None] = Ranker(
                shelf,
                config=self.config.at(surface),
                rules=self.rules,
                withdrawn=self.withdrawn,
                surface=surface,
                segment=segment,
            )
        return ranker

    def anywhere(self) -> Ranker | None:
        """Return a ranker for surfaces the release does not know: the first surface's shelf, no surface's rules."""
        if not self._data_until:
            return None
        return self._ranker_on(min(self._data_until), "", None)

    def warm(self, *, now: float) -> None:
        """Compile the rules of every surface as they hold at ``now``, so that no request pays for it."""
        for surface in self.surfaces():
            ranker = self.ranker(surface)
            if ranker is not None:
                ranker.warm(now=now)
        for surface, arm in self.arms.items():
            ranker = arm.ranker(surface)
            if ranker is not None:
                ranker.warm(now=now)

    def manifest_version(self, surface: str) -> str | None:
        """Return the digest of the manifest a surface serves."""
        served = self.release.surfaces.get(surface)
        return None if served is None else served.manifest

    def data_until(self, surface: str) -> float | None:
        """Return the end of a surface's data window, in seconds since 1970: the end of its last UTC day."""
        return self._data_until.get(surface)

    def profiles(self, surface: str) -> MappedProfiles | None:
        """Return what a surface knows of each user's last deeds; ``None`` where that is nothing."""
        return self._profiles.get(surface)

    def titles(self, item_ids: Iterable[str]) -> dict[str, str]:
        """Return the titles the catalogues have for these items."""
        found: dict[str, str] = {}
        for item_id in item_ids:
            title = next(self._titles_of(item_id), "")
            if title:
                found[item_id] = title
        return found

    def _titles_of(self, item_id: str) -> Iterator[str]:
        for surface in sorted(self._catalogs):
            catalog = self._catalogs[surface]
            row = catalog.items.find(item_id)
            if row is not None and catalog.titles[row]:
                yield catalog.titles[row]


class _Maps:
    """The files of one opening, each mapped once, and the shelves on them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, Columns] = {}
        self._known: dict[tuple[str, date], MappedProfiles] = {}
        self._made: dict[str, MappedShelf] = {}  # surfaces, segments and arms with the same inputs share one

    def of(self, file: File) -> Columns:
        if file.path not in self._files:
            self._files[file.path] = Columns.map(self._root / file.path)
        return self._files[file.path]

    def profiles(self, kept: ProfilesFile) -> MappedProfiles:
        key = (kept.file.path, kept.retain_until)
        if key not in self._known:
            self._known[key] = MappedProfiles(self.of(kept.file), last_day=kept.retain_until)
        return self._known[key]

    def shelves(self, files: Iterable[ShelfFile]) -> dict[tuple[str, str | None], MappedShelf]:
        found: dict[tuple[str, str | None], MappedShelf] = {}
        for named in files:
            path = named.compiled.path
            if path not in self._made:
                near = {signal: self.of(file) for signal, file in named.neighbours().items()}
                self._made[path] = MappedShelf(self.of(named.compiled), near)
            found[named.surface, named.segment] = self._made[path]
        return found


def _segments_in(shelves: Mapping[tuple[str, str | None], MappedShelf], rules: Rules) -> set[str | None]:
    return {segment for _, segment in shelves} | {rule.segment for rule in rules}


def _documents(contents: Contents, arm: ArmFiles, root: Path) -> Callable[[str], bytes]:
    """Return how to read, by digest, what the arm's documents are put together from."""
    files = (contents.config, contents.rules, arm.config, arm.rules)
    paths = {file.digest: root / file.path for file in files if file is not None}
    return lambda named: paths[named].read_bytes()


def open_snapshot(path: Path, *, verify: bool = False) -> Snapshot:
    """Map a prepared release, in milliseconds, without the store.

    ``verify`` hashes every file first (a process does so once per file): for the first opening after a start,
    when the disk may have changed what was prepared before.

    Raises ``SnapshotRejected`` when a file is missing or damaged.
    """
    tenant, generation = path.parent.name, int(path.name.partition("-")[0] or 0)
    try:
        contents = msgspec.json.decode(read_sealed(path / "snapshot.json"), type=Contents)
        tenant, generation = contents.release.tenant, contents.release.generation
        root = path.parent.parent.parent
        _check(contents, root, verify=verify)
        return Snapshot(contents, root)
    except (Damaged, RecsysError, msgspec.MsgspecError, OSError, ArithmeticError, LookupError, TypeError) as error:
        problem = error.message if isinstance(error, RecsysError) else str(error)
    except ValueError as error:
        problem = str(error)
    raise SnapshotRejected(tenant=tenant, generation=generation, reason=f"what was prepared: {problem}")


def open_release(
    store: ReleaseSource,
    tenant: str,
    *,
    generation: int | None = None,
    manifest: str | None = None,
    root: Path,
) -> Snapshot:
    """Prepare (under ``root``, kept there) and open a release for offline use.

    ``generation`` defaults to the newest. ``manifest`` is the digest of a manifest to put in place of the one
    the release has for that manifest's surface: "how would it rank?".

    Raises
    ------
    NotFound
        The tenant has no release, or not that one.
    SnapshotRejected
        It is not fit to be served.
    """
    number = store.releases.head(tenant) if generation is None else generation
    if number < 1:
        raise NotFound(f"tenant {tenant} has no release", next_step="see: recsys tenants list")
    try:
        data = store.releases.read(tenant, number)
    except Missing:
        raise NotFound(
            f"tenant {tenant} has no generation {number}", next_step=f"see: recsys releases list --tenant {tenant}"
        ) from None
    try:
        release = read_release(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SnapshotRejected(tenant=tenant, generation=number, reason=f"its record is damaged: {error}") from None
    if manifest is not None:
        surface = read_manifest(store.blobs.read(tenant, manifest)).surface
        surfaces = {**release.surfaces, surface: Surface(manifest=manifest)}
        release = msgspec.structs.replace(release, surfaces=surfaces)
    return open_snapshot(prepare(release, blobs=store.blobs, root=root))


def narrowed(release: Release, surface: str, *, candidate: bool) -> Release:
    """Return a release with no more than what an answer of one surface was made of, so that nothing else need be there.

    A surface that it does not serve was answered from the first it has, and keeps that.
    """
    served = sorted(name for name, of in release.surfaces.items() if of.manifest is not None)
    kept = surface if surface in served else next(iter(served), None)
    surfaces = {}
    if kept is not None:
        one = release.surfaces[kept]
        surfaces[kept] = one if candidate else msgspec.structs.replace(one, candidate=None)
    return msgspec.structs.replace(release, surfaces=surfaces, erased=None, condemned=None, evidence=())


def _check(contents: Contents, root: Path, *, verify: bool) -> None:
    if contents.format not in OPENED:
        raise Damaged(f"it was prepared in format {contents.format}; this version opens {OPENED}")
    for file in contents.files():
        path = root / file.path
        try:
            size_bytes = path.stat().st_size
        except OSError:
            raise Damaged(f"{file.path} is not there") from None
        if size_bytes != file.size_bytes:
            raise Damaged(f"{file.path} has {size_bytes} bytes instead of {file.size_bytes}")
        if verify and not is_intact(path, file.digest):
            raise Damaged(f"{file.path} does not hash to {file.digest[:19]}")
