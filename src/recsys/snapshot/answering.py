"""Ask a snapshot."""

from recsys.ranking.request import Answer, RecommendRequest, SimilarRequest
from recsys.snapshot.opening import Snapshot

__all__ = ["recommend", "similar"]


def recommend(snapshot: Snapshot, request: RecommendRequest, *, now: float) -> Answer:
    """Answer a request from the shelf of its surface and segment, with the release's config and rules.

    A surface the release does not know gives no items and the warning ``UNKNOWN_SURFACE``.
    """
    raise NotImplementedError(snapshot, request, now)


def similar(snapshot: Snapshot, request: SimilarRequest, *, now: float) -> Answer:
    """Answer with the neighbours of one item; as :func:`recommend` otherwise."""
    raise NotImplementedError(snapshot, request, now)
