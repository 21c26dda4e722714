"""The lowest rung: a small checksummed file of popular or configured items, for when nothing else opens."""

from pathlib import Path

from recsys.ranking.request import Answer, RecommendRequest, SimilarRequest
from recsys.snapshot.opening import Snapshot

__all__ = ["Floor", "open_floor", "write_floor"]


class Floor:
    """A tenant's floor. Withdrawn, blocked, excluded and constrained items stay out, as of its writing."""

    tenant: str
    generation: int

    def answer(self, request: RecommendRequest | SimilarRequest, *, now: float) -> Answer:
        """Answer from the floor, with the warning ``FALLBACK_FLOOR``."""
        raise NotImplementedError(request, now)


def write_floor(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot's floor to ``path``, keeping the one before beside it. Durable when it returns."""
    raise NotImplementedError(snapshot, path)


def open_floor(path: Path) -> Floor:
    """Read ``path``, or the one before it when that is damaged; raises ``SnapshotRejected`` if none does."""
    raise NotImplementedError(path)
