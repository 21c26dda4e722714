"""What a request starts from: its anchors, the newest first."""

from itertools import accumulate

from recsys.ranking.profile import newest_first
from recsys.ranking.request import RecommendRequest
from recsys.ranking.shelf import Shelf

__all__ = ["MAX_ANCHORS", "RECENCY", "Anchored", "read_anchors"]

MAX_ANCHORS = 100
"""What a request may ask for with ``max_anchors``: as many as a history may hold."""

RECENCY = tuple(1.0 / (steps + 1) for steps in range(MAX_ANCHORS))
"""What the anchor so many steps back counts for ``session_seq``: as sequential rules weigh steps (Ludewig & Jannach
2018, *Evaluation of session-based recommendation algorithms*)."""

_TOTALS = (0.0, *accumulate(RECENCY))


class Anchored:
    """The anchors of one request.

    ``asked`` is how many were asked for, known here or not. ``items`` are those that are known, by their numbers;
    ``places`` their positions among those asked, 0 the newest; ``recency`` the sum of :data:`RECENCY` over those
    asked.
    """

    __slots__ = ("asked", "items", "places", "recency")

    def __init__(self, asked: int, found: list[tuple[int, int]]) -> None:
        found.sort()
        self.asked = asked
        self.items = [item for item, _ in found]
        self.places = [place for _, place in found]
        self.recency = _TOTALS[asked]


def read_anchors(shelf: Shelf, request: RecommendRequest) -> Anchored:
    """Return what to start from: the request's anchors, else the newest items of its history."""
    limit = min(max(request.anchors.max_anchors, 0), MAX_ANCHORS)
    history = request.user.history
    asked = request.anchors.item_ids or (newest_first(history) if history else ())
    chosen = list(dict.fromkeys(asked))[:limit]
    return Anchored(
        len(chosen),
        [(item, place) for place, name in enumerate(chosen) if (item := shelf.find(name)) is not None],
    )
