"""Every blob a release needs, by digest: what keeps a blob from being collected."""

from collections.abc import Iterator
from datetime import date

from recsys.releases.manifest import read_manifest
from recsys.releases.plan import Facts
from recsys.releases.record import Release

__all__ = ["manifests_of", "newly_named", "reachable", "single_blobs"]


def manifests_of(release: Release) -> Iterator[tuple[str, str]]:
    """Yield each manifest that a release names, with its surface: what is served, and what candidates serve."""
    for surface, served in sorted(release.surfaces.items()):
        if served.manifest is not None:
            yield surface, served.manifest
        if served.candidate is not None and served.candidate.manifest is not None:
            yield surface, served.candidate.manifest


def single_blobs(release: Release) -> Iterator[tuple[str, str]]:
    """Yield each blob that a release names and that names no other, with what it is."""
    for what in ("config", "rules", "overlay", "withdrawn", "erased", "condemned"):
        named = getattr(release, what)
        if named is not None:
            yield what, named
    for surface, served in sorted(release.surfaces.items()):
        for what in ("config", "rules"):
            named = served.candidate and getattr(served.candidate, what)
            if named:
                yield f"candidate {what} of {surface}", named
    for named in release.evidence:
        yield "evidence", named


def reachable(release: Release, facts: Facts) -> frozenset[str]:
    """Return the digests of all blobs a release names, and of the artifacts its manifests name.

    Raises as ``facts`` when a manifest is missing or damaged.
    """
    found = {named for _, named in single_blobs(release)}
    for _, named in manifests_of(release):
        found.add(named)
        found.update(ref.artifact for ref in read_manifest(facts.document(named)).artifacts())
    return frozenset(found)


def newly_named(before: Release, after: Release, facts: Facts, *, today: date) -> frozenset[str]:
    """Return the digests that ``after`` needs through parts that ``before`` does not have.

    Personal artifacts whose last day was before ``today`` are not needed. Raises as ``facts``.
    """
    found = {named for _, named in single_blobs(after)} - {named for _, named in single_blobs(before)}
    for named in {named for _, named in manifests_of(after)} - {named for _, named in manifests_of(before)}:
        found.add(named)
        refs = read_manifest(facts.document(named)).artifacts()
        found.update(ref.artifact for ref in refs if not ref.lapsed(today))
    return frozenset(found)
