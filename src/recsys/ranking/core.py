"""``rank`` and ``similar``: the order of work of an answer."""

from recsys.ranking.request import Answer, RecommendRequest, SimilarRequest
from recsys.ranking.shelf import Shelf

__all__ = ["ALGO_VERSION", "rank", "similar"]

ALGO_VERSION = "blend-1"
"""The scoring model's version. It changes whenever the same inputs can give another answer."""


def rank(shelf: Shelf, request: RecommendRequest, *, now: float) -> Answer:
    """Answer a request from one shelf.

    ``now`` is seconds since 1970: rules are valid or not at that moment. Same inputs, same answer.
    """
    raise NotImplementedError(shelf, request, now)


def similar(shelf: Shelf, request: SimilarRequest, *, now: float) -> Answer:
    """Answer with the neighbours of one item, refilled from popularity."""
    raise NotImplementedError(shelf, request, now)
