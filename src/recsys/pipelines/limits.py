"""How large a run may grow before it is stopped."""

import msgspec

from recsys.pipelines.errors import LimitExceeded

__all__ = ["Limits", "check_limit"]

_GIB = 1 << 30


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of one run; each stops it before anything is published."""

    files: int = 100_000
    """More files than this is a glob that caught something else."""
    days: int = 1_100
    """Three years. Popularity forgets within months, and a longer window is usually a mistyped year."""
    events: int = 1_000_000_000
    """What one machine sorts on its disk in an hour or two."""
    exposures: int = 1_000_000_000
    """As for events."""
    items: int = 5_000_000
    """A host keeps about 1 kB per item in mapped columns and the neighbours of each: 5 GB."""
    users: int = 200_000_000
    """Their pseudonyms are made one by one, at about half a million a second."""
    neighbours: int = 250_000_000
    """Entries of one artifact of neighbours: 5 million items with 50 neighbours each, 16 bytes an entry."""
    artifact_bytes: int = 4 * _GIB
    """What a host copies and verifies within a minute before it switches."""


def check_limit(which: str, *, seen: int, limits: Limits) -> None:
    """Raise :class:`LimitExceeded` when the count is above the limit of that name."""
    limit = int(getattr(limits, which))
    if seen > limit:
        raise LimitExceeded(which, seen=seen, limit=limit)
