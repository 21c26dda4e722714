"""The order of work of an answer. A later step never undoes an earlier one.

candidates, exclusions, blended score, personalisation, boosts, diversity and caps, pins, refill.
`docs/explanation/ranking.md` tells each step and why.
"""

from collections.abc import Callable, Collection, Mapping

import numpy as np

from recsys.documents import Config, Rules
from recsys.ranking.conditions import Conditions
from recsys.ranking.diversity import Caps, Scored, choose, choose_diverse
from recsys.ranking.evidence import Evidence
from recsys.ranking.explaining import Told, explained, trace_of
from recsys.ranking.pool import Blend, best, walk
from recsys.ranking.profile import newest_first, overlap, strength, tag_profile
from recsys.ranking.request import Anchors, Answer, Ranked, RecommendRequest, SimilarRequest
from recsys.ranking.shelf import Shelf
from recsys.ranking.standing import Lane, RuleBook, Standing
from recsys.ranking.weights import resolve
from recsys.ranking.work import Work

__all__ = ["ALGO_VERSION", "MAX_ANCHORS", "POOL", "Ranker"]

ALGO_VERSION = "blend-1"
"""The scoring model's version. It changes whenever the same inputs can give another answer."""

POOL = 50
"""Personalisation, diversity and caps re-order the best ``max(POOL, 3·k)`` items; see :func:`_pool_size`."""

MAX_ANCHORS = 100
"""What a request may ask for with ``max_anchors``: as many as a history may hold."""


class Ranker:
    """Ranks for one surface and segment of one release.

    Parameters
    ----------
    shelf
        Items and signals.
    config
        As it holds on the surface (``Config.at``).
    rules
        All of the release's; those of other surfaces and segments are left aside here.
    withdrawn
        Ids of items never to be shown.
    """

    def __init__(
        self,
        shelf: Shelf,
        *,
        config: Config,
        rules: Rules,
        withdrawn: Collection[str],
        surface: str,
        segment: str | None,
    ) -> None:
        self.shelf = shelf
        self._config = config
        self._book = RuleBook(shelf, rules, surface=surface, segment=segment, withdrawn=withdrawn)
        self._weights: dict[str, Mapping[str, float]] = {config.algorithm: resolve(config.algorithm, config.weights)}

    def warm(self, *, now: float) -> None:
        """Compile what the rules come to at ``now``, so that the first request does not pay for it."""
        self._book.at(now)

    def recommend(self, request: RecommendRequest, *, now: float) -> Answer:
        """Answer a request. ``now`` is seconds since 1970: rules are valid or not at that moment.

        Same shelf, config, rules, request and ``now``: same answer.

        Raises ``Invalid`` for an unknown algorithm or signal, or a time that is none.
        """
        work = Work()
        standing = self._book.at(now)
        k = min(max(request.k, 1), self._config.limits.max_k)
        if k != request.k:
            work.warn("K_CLAMPED", f"k was {request.k}; {k} is used")
        weights = self._weights_for(request)
        anchors = self._read_anchors(request, work)
        for item_id in request.candidates.exclude_ids:
            item = self.shelf.find(item_id)
            if item is not None:
                work.excluded.add(item)
        conditions = Conditions.of(self.shelf, request.constraints, request.candidates, request.context)
        evidence = self._gather(anchors, weights, work)
        try:
            blend = Blend(
                self.shelf,
                standing,
                evidence,
                w_popularity=weights["popularity"],
                w_cooc=weights["cooc"],
            )
            return self._ranked(request, k, blend, conditions, work)
        finally:
            if evidence is not None:
                evidence.close()

    def similar(self, request: SimilarRequest, *, now: float) -> Answer:
        """Answer with the neighbours of one item, refilled from popularity."""
        return self.recommend(
            RecommendRequest(
                surface=request.surface,
                segment=request.segment,
                k=request.k,
                context=request.context,
                anchors=Anchors(item_ids=(request.item_id,)),
                candidates=request.candidates,
                constraints=request.constraints,
                algorithm="cooc",
                options=request.options,
                traffic=request.traffic,
            ),
            now=now,
        )

    def _weights_for(self, request: RecommendRequest) -> Mapping[str, float]:
        algorithm = request.algorithm or self._config.algorithm
        if request.weights and algorithm == "blend" and self._config.flags.request_weights:
            return resolve(algorithm, request.weights)
        weights = self._weights.get(algorithm)
        if weights is None:
            weights = self._weights[algorithm] = resolve(algorithm, self._config.weights)
        return weights

    def _read_anchors(self, request: RecommendRequest, work: Work) -> list[int]:
        """Return the items to start from: the request's, else the newest of its history."""
        limit = min(max(request.anchors.max_anchors, 0), MAX_ANCHORS)
        history = request.user.history
        asked = request.anchors.item_ids or (newest_first(history) if history else ())
        chosen = list(dict.fromkeys(asked))[:limit]
        work.anchors_asked = len(chosen)
        anchors = [item for item in map(self.shelf.find, chosen) if item is not None]
        work.anchors = anchors
        work.excluded.update(anchors)
        if history and self._config.personalization.boost > 0.0:
            items = [item for event in history if (item := self.shelf.find(event.item_id)) is not None]
            settings = self._config.personalization
            work.profile, events = tag_profile(self.shelf.labels["tag"], items)
            work.taste = strength(settings.boost, events, settings.min_events) if events else 0.0
        return anchors

    def _gather(self, anchors: list[int], weights: Mapping[str, float], work: Work) -> Evidence | None:
        for signal, weight in weights.items():
            if weight > 0.0 and signal not in self.shelf.signals:
                work.warn("SIGNAL_UNAVAILABLE", f"{signal} is not in this release for this surface")
        if weights["cooc"] <= 0.0 or "cooc" not in self.shelf.signals:
            return None
        if not work.anchors_asked:
            if weights["popularity"] <= 0.0:
                work.warn("SIGNAL_PARTIAL", "cooc has nothing to start from: no anchors and no history")
            return None
        evidence = Evidence(self.shelf, "cooc", anchors)
        if evidence.knowing < work.anchors_asked:
            known = f"cooc knows neighbours of {evidence.knowing} of {work.anchors_asked} anchors"
            work.warn("SIGNAL_PARTIAL", known)
        return evidence

    def _ranked(
        self, request: RecommendRequest, k: int, blend: Blend, conditions: Conditions | None, work: Work
    ) -> Answer:
        standing, diversity = blend.standing, self._config.diversity
        caps = Caps(
            self.shelf,
            per_tag=request.constraints.max_per_tag,
            per_brand=diversity.max_per_brand,
            per_category=diversity.max_per_category,
        )
        score = self._scorer(blend, work)
        lane = _lane_for(standing, conditions)
        if standing.pins:
            work.pinned = self._pins(standing, k, conditions, caps, work)
            work.excluded.update(work.pinned)
        left = k - len(work.pinned)
        reordered = work.taste > 0.0 or bool(caps) or diversity.mmr_lambda < 1.0
        pool = best(
            blend,
            _pool_size(k) if reordered else left,
            excluded=work.excluded,
            conditions=conditions,
            lane=lane,
        )
        work.pool = len(pool)
        if work.taste > 0.0:
            pool = [(minus * self._fit(item, work), item) for minus, item in pool]
            pool.sort()
        if diversity.mmr_lambda < 1.0:
            tags = self.shelf.labels["tag"]
            chosen = choose_diverse(pool, left, caps, tags=tags, mmr_lambda=diversity.mmr_lambda)
        else:
            chosen = choose(pool, left, caps)
        places: list[Scored] = [(-score(item), item) for item in work.pinned] + chosen
        if len(places) < k:
            taken = {item for _, item in places} | work.excluded
            for item in _refill(standing, k - len(places), taken=taken, conditions=conditions, lane=lane, caps=caps):
                work.refilled.add(item)
                places.append((-score(item), item))
            if len(places) < k:
                _warn_of_shortness(blend, work, returned=len(places), k=k, conditions=conditions, caps=caps)
        return self._told(request, places, blend, work)

    def _fit(self, item: int, work: Work) -> float:
        """Return ``1 + boost · overlap``, the factor by which an item fits the visitor's taste."""
        return 1.0 + work.taste * overlap(work.profile, self.shelf.labels["tag"].of(item))

    def _scorer(self, blend: Blend, work: Work) -> Callable[[int], float]:
        if work.taste > 0.0:
            return lambda item: blend.of(item) * self._fit(item, work)
        return blend.of

    def _pins(self, standing: Standing, k: int, conditions: Conditions | None, caps: Caps, work: Work) -> list[int]:
        """Return the items the pin rules put first: only what may be shown, fits, and no cap refuses."""
        pinned: list[int] = []
        fitting = standing.pinnable
        if conditions is not None:
            fitting = fitting[conditions.keep(fitting)]
        welcome = set(fitting.tolist()) - work.excluded
        for pin in standing.pins:
            room = min(pin.limit, k - len(pinned))
            for item in pin.items:
                if room <= 0:
                    break
                if item in welcome and item not in work.pin_rules and caps.take(item):
                    pinned.append(item)
                    work.pin_rules[item] = pin.rule
                    room -= 1
        if pinned:
            rules = sorted(set(work.pin_rules.values()))
            work.warn("RULE_PIN_INJECTED", f"{len(pinned)} placed by {', '.join(rules)}")
        return pinned

    def _told(self, request: RecommendRequest, places: list[Scored], blend: Blend, work: Work) -> Answer:
        options, id_of = request.options, self.shelf.id_of
        if options.explain == "none" and not options.include_reasons:
            items = tuple([Ranked(id_of(item), rank, -minus) for rank, (minus, item) in enumerate(places, 1)])
        else:
            told = Told(self.shelf, blend, work, options=options)
            items = tuple(explained(told, item, rank, -minus) for rank, (minus, item) in enumerate(places, 1))
        counts = {
            "anchors": len(work.anchors),
            "pool": work.pool,
            "pinned": len(work.pinned),
            "refilled": len(work.refilled),
            "returned": len(items),
        }
        trace = trace_of(self.shelf, blend, work) if options.include_trace else None
        return Answer(items, tuple(work.warnings), counts, trace)


def _pool_size(k: int) -> int:
    return max(POOL, 3 * k)


def _lane_for(standing: Standing, conditions: Conditions | None) -> Lane | None:
    """Return the shortest list that holds everything that can pass; ``None`` for all there is."""
    if conditions is None:
        return None
    if conditions.impossible:
        return Lane(np.empty(0, dtype=np.int32), np.empty(0))
    if conditions.include is not None:
        return standing.sort(conditions.include)
    return standing.lane(conditions.required[0]) if conditions.required else None


def _refill(
    standing: Standing,
    wanted: int,
    *,
    taken: set[int],
    conditions: Conditions | None,
    lane: Lane | None,
    caps: Caps,
) -> list[int]:
    """Return the most popular items not taken yet that pass everything the others passed."""
    found: list[int] = []
    for items, _ in walk(standing, lane, conditions, wanted=wanted):
        for item in items.tolist():
            if item not in taken and caps.take(item):
                found.append(item)
                if len(found) == wanted:
                    return found
    return found


def _warn_of_shortness(
    blend: Blend,
    work: Work,
    *,
    returned: int,
    k: int,
    conditions: Conditions | None,
    caps: Caps,
) -> None:
    """Say why an answer is shorter than asked, where it was the request's conditions or the rules."""
    standing = blend.standing
    everything = np.arange(blend.shelf.size, dtype=np.int32)
    shown = ~standing.out
    unblocked = shown | standing.blocked
    for item in work.excluded - set(work.pinned):
        shown[item] = unblocked[item] = False
    if conditions is not None and conditions.include is not None:
        among = np.isin(everything, conditions.include)
        passed = conditions.keep(everything)
        if not (shown & passed).any():
            asked = len(conditions.include)
            work.warn("CANDIDATES_INCLUDE_EMPTY", f"none of include_ids can be shown ({asked} are known)")
        shown &= among
    available = int(np.count_nonzero(shown))
    if available > returned and (bool(caps) or (conditions is not None and conditions.constrained)):
        work.warn("CONSTRAINTS_FILTERED", f"the constraints leave {returned} of {available} items; k is {k}")
    if returned == 0 and standing.blocked.any():
        kept = unblocked if conditions is None else unblocked & conditions.keep(everything)
        if kept.any() and not (kept & ~standing.blocked).any():
            work.warn("RULES_BLOCKED_ALL", f"block rules keep out all {int(np.count_nonzero(kept))} items left")
