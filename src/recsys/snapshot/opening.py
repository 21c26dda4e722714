"""Map what was prepared."""

import copy
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from recsys.catalog import Catalog
from recsys.documents import Config, Rules, read_config, read_rules
from recsys.errors import NotFound, RecsysError
from recsys.ranking import Ranker, Shelf
from recsys.releases.closure import read_manifest
from recsys.releases.record import Release, Surface
from recsys.snapshot.copies import BlobSource, is_intact
from recsys.snapshot.errors import SnapshotRejected
from recsys.snapshot.layout import FORMAT, Contents, File
from recsys.snapshot.preparing import prepare, read_ids
from recsys.snapshot.sealed import Damaged, read_sealed
from recsys.snapshot.shelf import MappedShelf
from recsys.store.columns import Columns
from recsys.store.port import Log, Missing

__all__ = ["ReleaseSource", "Snapshot", "open_release", "open_snapshot"]


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

    ``config_version`` and ``rules_version`` are the digests of the canonical documents.
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
        self._data_until = dict(contents.data_until)
        maps: dict[str, Columns] = {}

        def mapped(file: File) -> Columns:
            if file.path not in maps:
                maps[file.path] = Columns.map(root / file.path)
            return maps[file.path]

        shelves: dict[tuple[str, str | None], MappedShelf] = {}
        made: dict[str, MappedShelf] = {}  # surfaces and segments with the same inputs share one
        for named in contents.shelves:
            if named.compiled.path not in made:
                cooc = mapped(named.cooc) if named.cooc is not None else None
                made[named.compiled.path] = MappedShelf(mapped(named.compiled), cooc=cooc)
            shelves[named.surface, named.segment] = made[named.compiled.path]
        self._shelves = shelves
        self._catalogs = {surface: Catalog(mapped(file)) for surface, file in contents.catalogs.items()}
        self._rankers: dict[tuple[str, str | None], Ranker] = {}
        self._segments = {segment for _, segment in shelves} | {rule.segment for rule in self.rules}

    def without(self, item_ids: frozenset[str]) -> "Snapshot":
        """Return this release with these items withdrawn besides its own: a newer one withdraws them."""
        withdrawn = self._own_withdrawn | item_ids
        if withdrawn == self.withdrawn:
            return self
        other = copy.copy(self)
        other.withdrawn = withdrawn
        other._rankers = {}
        return other

    def surfaces(self) -> list[str]:
        """List the surfaces that have a manifest, sorted."""
        return sorted(self._data_until)

    def shelf(self, surface: str, segment: str | None = None) -> Shelf | None:
        """Return what ranks for a surface and segment; without its own signals, the surface's."""
        return self._shelves.get((surface, segment)) or self._shelves.get((surface, None))

    def ranker(self, surface: str, segment: str | None = None) -> Ranker | None:
        """Return the ranker of a surface and segment; ``None`` for a surface without a manifest.

        A segment that neither signals nor rules name is answered as no segment.
        """
        if segment not in self._segments:
            segment = None
        return self._ranker_on(surface, surface, segment)

    def _ranker_on(self, shelved: str, surface: str, segment: str | None) -> Ranker | None:
        """Return the ranker for ``surface`` over the shelf of ``shelved``, made at its first use."""
        ranker = self._rankers.get((surface, segment))
        if ranker is None:
            shelf = self.shelf(shelved, segment)
            if shelf is None:
                return None
            ranker = self._rankers[surface, segment] = Ranker(
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

    def manifest_version(self, surface: str) -> str | None:
        """Return the digest of the manifest a surface serves."""
        served = self.release.surfaces.get(surface)
        return None if served is None else served.manifest

    def data_until(self, surface: str) -> float | None:
        """Return the end of a surface's data window, in seconds since 1970: the end of its last UTC day."""
        return self._data_until.get(surface)

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
        release = msgspec.json.decode(data, type=Release)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SnapshotRejected(tenant=tenant, generation=number, reason=f"its record is damaged: {error}") from None
    if manifest is not None:
        surface = read_manifest(store.blobs.read(tenant, manifest)).surface
        surfaces = {**release.surfaces, surface: Surface(manifest=manifest)}
        release = msgspec.structs.replace(release, surfaces=surfaces)
    return open_snapshot(prepare(release, blobs=store.blobs, root=root))


def _check(contents: Contents, root: Path, *, verify: bool) -> None:
    if contents.format != FORMAT:
        raise Damaged(f"it was prepared in format {contents.format}; this version opens {FORMAT}")
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
