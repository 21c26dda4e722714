"""What a collection keeps: all the newest release needs, and what the levers may go back to.

The ceiling, and everything that is in it:

- what is reachable from the newest release, candidates included;
- the last ``keep`` distinct contents of each lever: config, rules, the overlay, and the artifacts of each surface;
- the releases that holds in force and candidates name as their beginning, and the ones right before them;
- every report that was ever evidence, and every list of what a collection deleted: they are small, and without them
  nobody can say why something was shipped, or why it is gone.

Out of it, whatever names them: personal artifacts past their last day. Youth is no matter of the log and is seen to by
who lists the blobs.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Final

import msgspec

from recsys.releases.collected import collections
from recsys.releases.manifest import ArtifactRef, read_manifest
from recsys.releases.plan import Facts
from recsys.releases.reach import manifests_of, single_blobs
from recsys.releases.record import Release, artifacts_of
from recsys.store import Missing

__all__ = ["KEEP", "Kept", "Walk", "kept"]

KEEP: Final = 20
"""Distinct contents of a lever that are kept: a working month of nightly runs."""

Walk = Callable[[int], None]
"""Told how many more records were read."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the ceiling covers in one state of the log.

    ``digests``: what must stay. ``lapsed``: personal artifacts past their last day, by every manifest that is kept and
    names them. ``oldest``: for each lever the oldest generation from which on all its contents are kept, and are there.
    """

    digests: frozenset[str]
    lapsed: frozenset[str]
    oldest: Mapping[str, int]


def kept(
    head: Release,
    facts: Facts,
    *,
    keep: int,
    today: date,
    present: frozenset[str],
    walked: Walk = lambda _n: None,
) -> Kept:
    """Say what a collection keeps when ``head`` is the newest release. Reads the whole log, and the manifests kept.

    ``present``: the blobs that are there, some of which earlier collections may have left out.

    Raises as ``facts`` when a record or a manifest is damaged, or missing and not by an earlier collection: what is not
    known cannot be called unreachable.
    """
    singles: set[str] = set()
    manifests: set[str] = set()
    levers: dict[str, _Lever] = {}
    for generation in range(head.generation, 0, -1):
        release = facts.record(generation)
        singles.update(release.evidence)
        if release.condemned is not None:
            singles.add(release.condemned)
        for part, named in _contents(release):
            if levers.setdefault(part, _Lever(keep, present)).meets(named, generation):
                (manifests if part.startswith("artifacts:") else singles).add(named)
        walked(1)
    for release in _whole(head, facts):
        singles.update(named for _, named in single_blobs(release))
        manifests.update(named for _, named in manifests_of(release))
    refs = _refs(sorted(manifests), head, facts)
    stay = {ref.artifact for ref in refs if not ref.lapsed(today)}
    return Kept(
        digests=frozenset({*singles, *manifests, *stay}),
        lapsed=frozenset(ref.artifact for ref in refs if ref.lapsed(today)) - stay,
        oldest={part: lever.oldest or 1 for part, lever in sorted(levers.items())},
    )


class _Lever:
    """One lever, met from the newest generation down."""

    def __init__(self, keep: int, present: frozenset[str]) -> None:
        self._keep = keep
        self._present = present
        self._seen: set[str] = set()
        self._full = False
        self.oldest = 0

    def meets(self, named: str, generation: int) -> bool:
        """Tell whether this content is among the last distinct ones."""
        self._full = self._full or (named not in self._seen and len(self._seen) == self._keep)
        if not self.oldest and (self._full or named not in self._present):
            self.oldest = generation + 1
        if not self._full:
            self._seen.add(named)
        return not self._full


def _contents(release: Release) -> list[tuple[str, str]]:
    found = [("config", release.config), ("rules", release.rules)]
    found += [("overlay", release.overlay)] if release.overlay else []
    found += [(artifacts_of(name), surface.manifest) for name, surface in release.surfaces.items() if surface.manifest]
    return found


def _whole(head: Release, facts: Facts) -> list[Release]:
    """Return the releases of which everything is kept."""
    named = {hold.generation for hold in head.holds if hold.generation}
    named |= {surface.candidate.since for surface in head.surfaces.values() if surface.candidate}
    before = {generation - 1 for generation in named if generation > 1}
    return [head, *(facts.record(generation) for generation in sorted(named | before))]


def _refs(manifests: Iterable[str], head: Release, facts: Facts) -> list[ArtifactRef]:
    """Read what the manifests name. One that an earlier collection deleted has nothing left to keep."""
    found: list[ArtifactRef] = []
    gone: Mapping[str, Release] | None = None
    for named in manifests:
        try:
            found.extend(read_manifest(facts.document(named)).artifacts())
        except Missing:
            gone = collections(head, facts) if gone is None else gone
            if named not in gone:
                raise
    return found
