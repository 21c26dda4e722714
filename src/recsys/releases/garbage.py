"""What a collection says of itself: how much goes and stays, by kind, and how far back each lever still reaches."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from recsys.releases.manifest import read_manifest
from recsys.releases.plan import Facts
from recsys.releases.reach import manifests_of, single_blobs
from recsys.releases.record import Release
from recsys.store import Corrupt, Entry, Missing

__all__ = ["KINDS", "Amount", "Collection", "Kind", "counted"]

Kind = Literal["artifacts", "manifests", "documents", "lists", "reports", "unnamed"]
KINDS: Final[tuple[Kind, ...]] = ("artifacts", "manifests", "documents", "lists", "reports", "unnamed")
"""``lists``: items overlaid or withdrawn, users erased, blobs condemned. ``unnamed``: published and never shipped."""

_LISTS = frozenset({"overlay", "withdrawn", "erased", "condemned"})


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """Blobs of one kind that go, and that stay."""

    kind: Kind
    go: int
    go_bytes: int
    stay: int
    stay_bytes: int


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """What a collection deleted, or in a dry run would.

    ``finished``: the generation that ended an earlier collection, which had been cut short; ``unfinished``: in a dry
    run, the one that would be ended first. ``begun`` and ``done``: the generations of this one; ``begun`` is ``None``
    when there was no garbage. ``personal``: artifacts that go because their last day is over. ``oldest``: for each
    lever the oldest generation from which on it can go back to every content, grace aside. ``generation``: the newest.
    """

    tenant: str
    dry_run: bool
    generation: int
    keep: int
    grace_s: float
    kinds: tuple[Amount, ...]
    personal: int
    oldest: Mapping[str, int]
    unfinished: str | None = None
    finished: int | None = None
    begun: int | None = None
    done: int | None = None

    @property
    def blobs(self) -> int:
        """How many go."""
        return sum(amount.go for amount in self.kinds)

    @property
    def size_bytes(self) -> int:
        """How many bytes go."""
        return sum(amount.go_bytes for amount in self.kinds)

    def document(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {"blobs": self.blobs, "size_bytes": self.size_bytes, **msgspec.to_builtins(self)}


def counted(held: Mapping[str, Entry], going: frozenset[str], head: Release, facts: Facts) -> tuple[Amount, ...]:
    """Count blobs and bytes that go and stay, by kind. What an earlier collection deleted is not counted."""
    kinds = _kinds(held, head, facts)
    blobs: Counter[tuple[Kind, bool]] = Counter()
    size: Counter[tuple[Kind, bool]] = Counter()
    for named, blob in held.items():
        where = (kinds.get(named, "unnamed"), named in going)
        blobs[where] += 1
        size[where] += blob.size_bytes
    return tuple(
        Amount(
            kind=kind,
            go=blobs[kind, True],
            go_bytes=size[kind, True],
            stay=blobs[kind, False],
            stay_bytes=size[kind, False],
        )
        for kind in KINDS
    )


def _kinds(held: Mapping[str, Entry], head: Release, facts: Facts) -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for generation in range(1, head.generation + 1):
        release = facts.record(generation)
        for what, named in single_blobs(release):
            found[named] = "reports" if what == "evidence" else "lists" if what in _LISTS else "documents"
        for _, named in manifests_of(release):
            if named in held and named not in found:
                found |= dict.fromkeys(_artifacts(named, facts), "artifacts")
            found[named] = "manifests"
    return found


def _artifacts(manifest: str, facts: Facts) -> list[str]:
    try:
        return [ref.artifact for ref in read_manifest(facts.document(manifest)).artifacts()]
    except (Missing, Corrupt):
        return []
