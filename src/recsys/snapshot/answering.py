"""Ask a snapshot."""

import msgspec

from recsys.documents import INTERLEAVED
from recsys.encoding import convert
from recsys.events import Decision
from recsys.ranking import Answer, Missing, Ranker, RecommendRequest, SimilarRequest, Warning, interleave
from recsys.snapshot.opening import Snapshot

__all__ = ["missing", "recommend", "replay", "similar"]


def recommend(
    snapshot: Snapshot, request: RecommendRequest, *, now: float, arm: str | None = None, seed: str | None = None
) -> Answer:
    """Answer a request from the shelf of its surface and segment, with the release's config and rules.

    A surface the release does not know is answered with what is popular on the first surface it does know
    (none: no items), under the rules that hold everywhere, with the warning ``UNKNOWN_SURFACE``.

    ``arm`` is what a decision record names: ``candidate`` answers as the surface's candidate does, where the release
    has one; the name of a variant, or ``interleaved``, as the surface's experiment does; anything else as the surface.
    ``seed`` is what chance is drawn from, where the config asks for any; without one nothing is drawn.
    """
    snapshot = snapshot.arm(request.surface, arm)
    if arm == INTERLEAVED:
        pair = snapshot.pair(request.surface, request.segment)
        if pair is not None:
            return interleave(pair, request, now=now, seed=seed or "")
    ranker = snapshot.ranker(request.surface, request.segment, arm)
    return _elsewhere(snapshot, request, now) if ranker is None else ranker.recommend(request, now=now, seed=seed)


def replay(snapshot: Snapshot, decision: Decision) -> Answer:
    """Compute an answer again from its decision record, on the release it names.

    The same answer comes out for every rung but ``floor``, which answers from another file.
    """
    if _kind_of(decision) == "similar":
        asked = convert(decision.request, SimilarRequest, what="decision record")
        return similar(snapshot, asked, now=decision.now, arm=decision.arm)
    request = convert(decision.request, RecommendRequest, what="decision record")
    return recommend(snapshot, request, now=decision.now, arm=decision.arm, seed=decision.seed)


def missing(snapshot: Snapshot, decision: Decision, item_id: str) -> tuple[Missing, ...]:
    """Say why an item is not in a recorded answer; of an interleaved one, for each of its two lists.

    Empty where the release does not know the surface: then what is popular elsewhere was shown.
    """
    request: RecommendRequest | SimilarRequest
    if _kind_of(decision) == "similar":
        request, arm = convert(decision.request, SimilarRequest, what="decision record"), None
    else:
        request, arm = convert(decision.request, RecommendRequest, what="decision record"), decision.arm
    snapshot = snapshot.arm(request.surface, decision.arm)
    pair = snapshot.pair(request.surface, request.segment) if decision.arm == INTERLEAVED else None
    if pair is not None:
        return tuple(
            msgspec.structs.replace(ranker.missing(request, item_id, now=decision.now), variant=name)
            for name, ranker in pair.items()
        )
    ranker = snapshot.ranker(request.surface, request.segment, arm)
    return () if ranker is None else (ranker.missing(request, item_id, now=decision.now, seed=decision.seed),)


def similar(snapshot: Snapshot, request: SimilarRequest, *, now: float, arm: str | None = None) -> Answer:
    """Answer with the neighbours of one item; as :func:`recommend` otherwise."""
    snapshot = snapshot.arm(request.surface, arm)
    ranker = snapshot.ranker(request.surface, request.segment)
    return _elsewhere(snapshot, request, now) if ranker is None else ranker.similar(request, now=now)


def _kind_of(decision: Decision) -> str:
    return decision.kind or ("similar" if "item_id" in decision.request else "recommend")


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
