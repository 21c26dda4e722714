"""Ship: make a published manifest live on a surface."""

import msgspec
from msgspec.structs import replace

from recsys.releases.arm import candidate_in, name_of
from recsys.releases.errors import told
from recsys.releases.evidence import check_reported
from recsys.releases.expect import Expect
from recsys.releases.hold import check_ship
from recsys.releases.plan import Draft, Facts, NoChange
from recsys.releases.record import Action, Release, Surface, artifacts_of

__all__ = ["Ship", "manifest_of", "with_manifest"]


def manifest_of(release: Release, surface: str) -> str | None:
    """Return the digest of the manifest a surface serves, if it serves one."""
    found = release.surfaces.get(surface)
    return None if found is None else found.manifest


def with_manifest(release: Release, surface: str, manifest: str | None) -> Release:
    """Return the release with another manifest on a surface; ``None`` takes the surface away."""
    surfaces = dict(release.surfaces)
    if manifest is None:
        surfaces.pop(surface, None)
    else:
        surfaces[surface] = replace(surfaces.get(surface, Surface()), manifest=manifest)
    return replace(release, surfaces=surfaces)


class Ship(msgspec.Struct, frozen=True, kw_only=True):
    """Make this manifest live on this surface. ``evidence``: digests of the reports that come with it."""

    surface: str
    manifest: str
    evidence: tuple[str, ...] = ()
    expect: Expect | None = None

    @property
    def action(self) -> Action:
        return "ship"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset({artifacts_of(self.surface)})

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        part = artifacts_of(self.surface)
        if self.expect is not None:
            self.expect.check(head, part, facts)
        if manifest_of(head, self.surface) == self.manifest:
            since = told(facts.record(head.changed.get(part, head.generation)))
            return NoChange(f"{self.surface} serves this manifest already, since {since}")
        check_ship(head, self.surface)
        check_reported(head, self.surface, self.manifest, self.evidence, facts)
        runs = candidate_in(head, self.surface)
        beside = f"; what candidate {name_of(self.surface, runs)} is compared with has changed" if runs else ""
        return Draft(
            release=with_manifest(head, self.surface, self.manifest),
            why=f"{self.surface} serves {self.manifest[:19]}{beside}",
            forward=True,
        )
