"""The closure of a release: all it names is there, is what its digest says, opens, and may be served.

What a release changes is opened and checked. What was in force already was checked when it came, so that it
exists is enough; but what is *restored* is checked whole again, because it lay unused and may have been
damaged meanwhile.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from recsys import catalog
from recsys.documents import read_config, read_rules
from recsys.encoding import decode, did_you_mean, digest
from recsys.errors import RecsysError
from recsys.releases.errors import UnfitRelease
from recsys.releases.manifest import ArtifactRef, Manifest
from recsys.releases.record import Release, parts_of, touched
from recsys.signals import SIGNALS
from recsys.store import Blobs, Denied, Unavailable
from recsys.store.columns import Columns

__all__ = ["Closure", "check_artifact", "check_manifest", "read_manifest"]

_T = TypeVar("_T")

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
        for name in ("overlay", "withdrawn", "erased"):
            named = getattr(release, name)
            if name in changed and named is not None:
                self._checked(name, partial(self._ids, named))
        for surface, served in sorted(release.surfaces.items()):
            if served.manifest is not None and f"artifacts:{surface}" in changed:
                self._check_surface(surface, served.manifest, known)
        for evidence in release.evidence:
            self._checked(f"evidence {evidence[:19]}", partial(self._read, evidence))
        if forward:
            self._check_there(release)

    def check_whole(self, release: Release) -> None:
        """Check all a release names, whatever was in force before it."""
        self.check(release, None, forward=False)

    def _check_surface(self, surface: str, manifest_digest: str, known: frozenset[str]) -> None:
        what = f"manifest {manifest_digest[:19]} of {surface}"
        manifest = self._checked(what, partial(self._manifest, manifest_digest))
        self._checked(what, partial(check_manifest, manifest, tenant=self._tenant, surface=surface))
        for name, refs in sorted({**manifest.signals, **_catalog_of(manifest)}.items()):
            for ref in refs:
                where = f"{name} artifact {ref.artifact[:19]} of {surface}"
                if ref.artifact in known:
                    self._require_there(where, ref.artifact)
                else:
                    self._checked(where, partial(self._check_one, name, ref, surface))

    def _check_one(self, name: str, ref: ArtifactRef, surface: str) -> None:
        if ref.size_bytes < MAPPED_FROM_BYTES:
            data = self._read(ref.artifact)
            if len(data) != ref.size_bytes:
                raise ValueError(f"it has {len(data)} bytes; the manifest says {ref.size_bytes}")
            check_artifact(name, Columns(data, where=f"{name} artifact"), ref, tenant=self._tenant, surface=surface)
            return
        with tempfile.TemporaryDirectory(prefix="recsys-closure-") as directory:
            copy = Path(directory) / "artifact"
            self._blobs.fetch(self._tenant, ref.artifact, copy)
            if copy.stat().st_size != ref.size_bytes:
                raise ValueError(f"it has {copy.stat().st_size} bytes; the manifest says {ref.size_bytes}")
            check_artifact(name, Columns.map(copy), ref, tenant=self._tenant, surface=surface)

    def _check_there(self, release: Release) -> None:
        singles = {"config": release.config, "rules": release.rules, "overlay": release.overlay}
        singles |= {"withdrawn": release.withdrawn, "erased": release.erased}
        for what, named in singles.items():
            if named is not None:
                self._require_there(what, named)
        for surface, served in sorted(release.surfaces.items()):
            if served.manifest is not None:
                what = f"manifest {served.manifest[:19]} of {surface}"
                manifest = self._checked(what, partial(self._manifest, served.manifest))
                for ref in manifest.artifacts():
                    self._require_there(f"artifact {ref.artifact[:19]} of {surface}", ref.artifact)

    def _require_there(self, what: str, named: str) -> None:
        if named not in self._pending and not self._blobs.exists(self._tenant, named):
            raise UnfitRelease(what, f"{named} is not in the store")

    def _artifacts_in(self, release: Release) -> frozenset[str]:
        found: set[str] = set()
        for served in release.surfaces.values():
            if served.manifest is not None:
                try:
                    found.update(ref.artifact for ref in self._manifest(served.manifest).artifacts())
                except (Unavailable, Denied):
                    raise
                except RecsysError:
                    continue  # a broken one in force vouches for nothing
        return frozenset(found)

    def _ids(self, named: str) -> list[str]:
        return msgspec.json.decode(self._read(named), type=list[str])

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


def read_manifest(data: bytes) -> Manifest:
    """Read a manifest; raises :class:`~recsys.encoding.Invalid`."""
    return decode(data, Manifest, what="manifest")


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
    SIGNALS[name].check(columns, tenant=tenant)
    meta = columns.meta
    scope = (meta.get("scope", "tenant"), meta.get("surface"), meta.get("segment"))
    wanted = (ref.scope, None if ref.scope == "tenant" else surface, ref.segment)
    if scope != wanted:
        raise ValueError(f"it was computed for {scope}; the manifest puts it in {wanted}")


def _catalog_of(manifest: Manifest) -> dict[str, tuple[ArtifactRef, ...]]:
    return {} if manifest.catalog is None else {catalog.KIND: (manifest.catalog,)}
