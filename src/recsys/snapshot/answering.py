"""Ask a snapshot."""

import msgspec

from recsys.ranking import Answer, Ranker, RecommendRequest, SimilarRequest, Warning
from recsys.snapshot.opening import Snapshot

__all__ = ["recommend", "similar"]


def recommend(snapshot: Snapshot, request: RecommendRequest, *, now: float) -> Answer:
    """Answer a request from the shelf of its surface and segment, with the release's config and rules.

    A surface the release does not know is answered with what is popular on the first surface it does know
    (none: no items), under the rules that hold everywhere, with the warning ``UNKNOWN_SURFACE``.
    """
    ranker = snapshot.ranker(request.surface, request.segment)
    return _elsewhere(snapshot, request, now) if ranker is None else ranker.recommend(request, now=now)


def similar(snapshot: Snapshot, request: SimilarRequest, *, now: float) -> Answer:
    """Answer with the neighbours of one item; as :func:`recommend` otherwise."""
    ranker = snapshot.ranker(request.surface, request.segment)
    return _elsewhere(snapshot, request, now) if ranker is None else ranker.similar(request, now=now)


def _elsewhere(snapshot: Snapshot, request: RecommendRequest | SimilarRequest, now: float) -> Answer:
    surfaces = snapshot.surfaces()
    known = f"known: {', '.join(surfaces)}" if surfaces else "the release has no surface yet"
    warning = Warning("UNKNOWN_SURFACE", f"`{request.surface}` is not in generation {snapshot.generation}; {known}")
    ranker = snapshot.anywhere()
    if ranker is None:
        return Answer((), (warning,))
    answer = _popular(ranker, request, now)
    return msgspec.structs.replace(answer, warnings=(warning, *answer.warnings))


def _popular(ranker: Ranker, request: RecommendRequest | SimilarRequest, now: float) -> Answer:
    if isinstance(request, SimilarRequest):
        return ranker.similar(request, now=now)
    return ranker.recommend(msgspec.structs.replace(request, algorithm="popularity"), now=now)
