"""The closure of a release: all it names is there, is what its digest says, opens, and may be served.

What a release changes is opened and checked. What was in force already was checked when it came, so that it
exists is enough; but what is *restored* is checked whole again, because it lay unused and may have been
damaged meanwhile.

Personal artifacts are deleted after their last day, whatever names them: a release without one is whole, and only a
new one that is past its day is refused.
"""

import tempfile
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from recsys import catalog
from recsys.documents import read_config, read_rules
from recsys.encoding import did_you_mean, digest
from recsys.errors import RecsysError
from recsys.releases.arm import arm_of, candidates_in, name_of
from recsys.releases.errors import UnfitRelease
from recsys.releases.manifest import ArtifactRef, Manifest, read_manifest
from recsys.releases.reach import manifests_of
from recsys.releases.record import Candidate, Release, candidate_of, parts_of, touched
from recsys.signals import SIGNALS, profiles
from recsys.store import Blobs, Denied, Unavailable
from recsys.store.columns import Columns

__all__ = [
    "Closure",
    "check_artifact",
    "check_manifest",
    "check_sold",
]

_T = TypeVar("_T")

_Role = tuple[str, str, int, str, str | None, str | None]
"""What an artifact was checked as: its signal, digest, size, scope, surface and segment."""

MAPPED_FROM_BYTES = 67_108_864
"""From 64 MiB on artifacts are checked through a mapped copy: a publisher shares its host with others."""

_UNFIT = (ArithmeticError, LookupError, TypeError, ValueError)
"""What numpy and plain Python raise when hostile bytes get past the shape of a format."""


class Closure:
    """Checks releases of one tenant before they are committed. ``pending`` are blobs not written yet (a dry
    run).
    """

    def __init__(self, blobs: Blobs, tenant: str, *, pending: tuple[bytes, ...] = ()) -> None:
        self._blobs = blobs
        self._tenant = tenant
        self._pending = {digest(data): data for data in pending}

    def check(self, release: Release, head: Release | None, *, forward: bool) -> None:
        """Check what ``release`` changes, and with ``forward`` that all else it names exists.

        Raises
        ------
        UnfitRelease
            Naming what is missing, damaged or unfit, and why.
        """
        changed = frozenset(parts_of(release)) if head is None else touched(head, release)
        known = self._artifacts_in(head) if head is not None and release.restores is None else frozenset()
        if head is None or "config" in changed:
            self._checked("config", lambda: read_config(self._read(release.config)))
        if head is None or "rules" in changed:
            self._checked("rules", lambda: read_rules(self._read(release.rules)))
        if "overlay" in changed and release.overlay is not None:
            self._checked("overlay", partial(self._overlay, release.overlay))
        for name in ("withdrawn", "erased", "condemned"):
            named = getattr(release, name)
            if name in changed and named is not None:
                self._checked(name, partial(self._ids, named))
        for surface, served in sorted(release.surfaces.items()):
            if served.manifest is not None and f"artifacts:{surface}" in changed:
                self._check_surface(surface, served.manifest, known, forward=forward)
        for surface, candidate in candidates_in(release):
            if candidate_of(surface) in changed:
                self._check_candidate(surface, candidate, known, forward=forward)
            if candidate_of(surface) in changed or (forward and changed & {"config", "rules"}):
                self._check_arm(release, surface, candidate)
        for evidence in release.evidence:
            self._checked(f"evidence {evidence[:19]}", partial(self._read, evidence))
        if forward:
            self._check_there(release)

    def check_whole(self, release: Release) -> None:
        """Check all a release names, whatever was in force before it."""
        self.check(release, None, forward=False)

    def _check_surface(self, surface: str, manifest_digest: str, known: frozenset[_Role], *, forward: bool) -> None:
        what = f"manifest {manifest_digest[:19]} of {surface}"
        manifest = self._checked(what, partial(self._manifest, manifest_digest))
        self._checked(what, partial(check_manifest, manifest, tenant=self._tenant, surface=surface))
        sold = None if manifest.catalog is None else self._check_ref(catalog.KIND, manifest.catalog, surface, known)
        kept = manifest.profiles
        if kept and not self._is_absent(kept, _where(profiles.KIND, kept, surface), forward=forward):
            self._check_ref(profiles.KIND, kept, surface, known)
        for name, refs in sorted(manifest.signals.items()):
            for ref in refs:
                if self._is_absent(ref, _where(name, ref, surface), forward=forward):
                    continue
                found = self._check_ref(name, ref, surface, known)
                if manifest.catalog is not None and (found or sold):
                    pair = found or self._in_force(ref), sold or self._in_force(manifest.catalog)
                    self._checked(_where(name, ref, surface), partial(_check_pair, *pair))

    def _is_absent(self, ref: ArtifactRef, where: str, *, forward: bool) -> bool:
        """Tell whether a personal artifact was deleted after its last day; refuse to ship one past it."""
        if not ref.personal:
            return False
        if forward and ref.lapsed(self._blobs.today()):
            raise UnfitRelease(where, f"it is personal, and was to be kept until {ref.retain_until}")
        return not forward and not self._blobs.exists(self._tenant, ref.artifact)

    def _check_candidate(self, surface: str, candidate: Candidate, known: frozenset[_Role], *, forward: bool) -> None:
        what = f"of candidate {name_of(surface, candidate)}"
        if candidate.manifest is not None:
            self._check_surface(surface, candidate.manifest, known, forward=forward)
        config, rules = candidate.config, candidate.rules
        if config is not None:
            self._checked(f"config {what}", lambda: read_config(self._read(config)))
        if rules is not None:
            self._checked(f"rules {what}", lambda: read_rules(self._read(rules)))

    def _check_arm(self, release: Release, surface: str, candidate: Candidate) -> None:
        """Check that a candidate's documents go with those in force, as every host will put them together."""
        try:
            arm_of(release, surface, self._read)
        except (Unavailable, Denied):
            raise
        except RecsysError as error:
            raise UnfitRelease(
                f"candidate {name_of(surface, candidate)} does not go with it",
                error.message,
                next_step=f"end it first: recsys candidate abort --tenant {self._tenant} --surface {surface}",
            ) from error

    def _check_ref(self, name: str, ref: ArtifactRef, surface: str, known: frozenset[_Role]) -> Columns | None:
        """Check one artifact and return it; of one in force already only that it exists, and ``None``."""
        where = _where(name, ref, surface)
        if _role(name, ref, surface) in known:
            self._require_there(where, ref.artifact)
            return None
        return self._checked(where, partial(self._check_one, name, ref, surface))

    def _in_force(self, ref: ArtifactRef) -> Columns | None:
        """Open what was in force before; ``None`` when it cannot be: its damage is not the fault of what comes."""
        try:
            return self._opened("artifact", ref)
        except (Unavailable, Denied):
            raise
        except (RecsysError, *_UNFIT):
            return None

    def _check_one(self, name: str, ref: ArtifactRef, surface: str) -> Columns:
        columns = self._opened(f"{name} artifact", ref)
        check_artifact(name, columns, ref, tenant=self._tenant, surface=surface)
        return columns

    def _opened(self, what: str, ref: ArtifactRef) -> Columns:
        if ref.size_bytes < MAPPED_FROM_BYTES:
            data = self._read(ref.artifact)
            if len(data) != ref.size_bytes:
                raise ValueError(f"it has {len(data)} bytes; the manifest says {ref.size_bytes}")
            return Columns(data, where=what)
        with tempfile.TemporaryDirectory(prefix="recsys-closure-") as directory:
            copy = Path(directory) / "artifact"
            self._blobs.fetch(self._tenant, ref.artifact, copy)
            if copy.stat().st_size != ref.size_bytes:
                raise ValueError(f"it has {copy.stat().st_size} bytes; the manifest says {ref.size_bytes}")
            return Columns.map(copy)  # a mapped file outlives its name

    def _check_there(self, release: Release) -> None:
        singles = {"config": release.config, "rules": release.rules, "overlay": release.overlay}
        singles |= {"withdrawn": release.withdrawn, "erased": release.erased}
        for what, named in singles.items():
            if named is not None:
                self._require_there(what, named)
        for surface, candidate in candidates_in(release):
            for what, named in (("config", candidate.config), ("rules", candidate.rules)):
                if named is not None:
                    self._require_there(f"{what} of candidate {name_of(surface, candidate)}", named)
        for surface, named in manifests_of(release):
            manifest = self._checked(f"manifest {named[:19]} of {surface}", partial(self._manifest, named))
            for ref in manifest.artifacts():
                if not ref.personal:
                    self._require_there(f"artifact {ref.artifact[:19]} of {surface}", ref.artifact)

    def _require_there(self, what: str, named: str) -> None:
        if named not in self._pending and not self._blobs.exists(self._tenant, named):
            raise UnfitRelease(what, f"{named} is not in the store")

    def _artifacts_in(self, release: Release) -> frozenset[_Role]:
        found: set[_Role] = set()
        for surface, named in manifests_of(release):
            try:
                manifest = self._manifest(named)
            except (Unavailable, Denied):
                raise
            except RecsysError:
                continue  # a broken one in force vouches for nothing
            refs = [(name, ref) for name, refs in manifest.signals.items() for ref in refs]
            refs += [(catalog.KIND, manifest.catalog)] if manifest.catalog else []
            refs += [(profiles.KIND, manifest.profiles)] if manifest.profiles else []
            found.update(_role(name, ref, surface) for name, ref in refs)
        return frozenset(found)

    def _ids(self, named: str) -> list[str]:
        return msgspec.json.decode(self._read(named), type=list[str])

    def _overlay(self, named: str) -> object:
        return catalog.read_overlay(self._read(named))

    def _manifest(self, named: str) -> Manifest:
        return read_manifest(self._read(named))

    def _read(self, named: str) -> bytes:
        return self._pending[named] if named in self._pending else self._blobs.read(self._tenant, named)

    def _checked(self, what: str, open_it: Callable[[], _T]) -> _T:
        try:
            return open_it()
        except (Unavailable, Denied, UnfitRelease):
            raise
        except RecsysError as error:
            raise UnfitRelease(what, error.message) from error
        except (msgspec.MsgspecError, *_UNFIT) as error:
            raise UnfitRelease(what, str(error)) from error


def check_manifest(manifest: Manifest, *, tenant: str, surface: str) -> None:
    """Check that a manifest is for this tenant and surface and names signals we know; raises
    ``ValueError``.
    """
    if manifest.tenant != tenant:
        raise ValueError(f"it belongs to tenant {manifest.tenant}, not {tenant}")
    if manifest.surface != surface:
        raise ValueError(f"it was built for surface {manifest.surface}")
    if manifest.format != 1:
        raise ValueError(f"it has format {manifest.format}; this version reads 1")
    try:
        start, end = date.fromisoformat(manifest.window.start), date.fromisoformat(manifest.window.end)
    except ValueError as error:
        raise ValueError(f"its window is not two days: {error}") from None
    if start > end:
        raise ValueError(f"its window ends on {end}, before it begins on {start}")
    if manifest.profiles and not manifest.profiles.personal:
        raise ValueError("its profiles do not say how long they may be kept")
    if not any(manifest.signals.values()):
        raise ValueError("it names no signal, so nothing could be recommended")
    for name, refs in manifest.signals.items():
        if name not in SIGNALS:
            raise ValueError(f"unknown signal {name}; {did_you_mean(name, SIGNALS)}")
        scopes = [(ref.scope, ref.segment) for ref in refs]
        if len(set(scopes)) != len(scopes):
            raise ValueError(f"signal {name} has two artifacts for one scope")
        if any((ref.scope == "segment") != (ref.segment is not None) for ref in refs):
            raise ValueError(f"signal {name} has an artifact whose segment and scope disagree")


def check_artifact(name: str, columns: Columns, ref: ArtifactRef, *, tenant: str, surface: str) -> None:
    """Check every promise of an artifact and that it stands in the scope its manifest gives it."""
    if name == catalog.KIND:
        catalog.check_catalog(columns, tenant=tenant)
        return
    if name == profiles.KIND:
        profiles.check_profiles(columns, tenant=tenant)
        return
    SIGNALS[name].check(columns, tenant=tenant)
    meta = columns.meta
    scope = (meta.get("scope", "tenant"), meta.get("surface"), meta.get("segment"))
    wanted = (ref.scope, None if ref.scope == "tenant" else surface, ref.segment)
    if scope != wanted:
        raise ValueError(f"it was computed for {scope}; the manifest puts it in {wanted}")


def check_sold(columns: Columns, sold: Columns) -> None:
    """Check that the catalogue ``sold`` has at least one of a signal's items; raises ``ValueError``. Ids that nothing
    there bears are those of another shop, or of another mapping.
    """
    items, known = columns.strings("items"), sold.strings("items")
    if all(known.find(items[number]) is None for number in range(len(items))):
        raise ValueError("none of its items is in the catalogue")


def _role(name: str, ref: ArtifactRef, surface: str) -> _Role:
    return name, ref.artifact, ref.size_bytes, ref.scope, None if ref.scope == "tenant" else surface, ref.segment


def _check_pair(columns: Columns | None, sold: Columns | None) -> None:
    if columns is not None and sold is not None:
        check_sold(columns, sold)


def _where(name: str, ref: ArtifactRef, surface: str) -> str:
    return f"{name} artifact {ref.artifact[:19]} of {surface}"
