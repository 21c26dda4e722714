"""The order of work of an answer. A later step never undoes an earlier one.

candidates, exclusions, blended score, personalisation, boosts, diversity and caps, exploration, pins, refill.
`docs/explanation/ranking.md` tells each step and why.
"""

import copy
from collections.abc import Callable, Collection

import numpy as np

from recsys.documents import Config, Rules
from recsys.ranking.anchors import MAX_ANCHORS, read_anchors
from recsys.ranking.conditions import Conditions
from recsys.ranking.diversity import Caps, Scored, choose, choose_diverse
from recsys.ranking.draws import Draws
from recsys.ranking.evidence import Evidence
from recsys.ranking.explaining import Told, explained, trace_of
from recsys.ranking.exploring import draw
from recsys.ranking.missing import Facts, Missing, first_drop
from recsys.ranking.pool import Blend, best, walk
from recsys.ranking.profile import overlap, seen, strength, tag_profile
from recsys.ranking.request import Anchors, Answer, HistoryEvent, Ranked, RecommendRequest, SimilarRequest
from recsys.ranking.shelf import Shelf
from recsys.ranking.standing import Lane, RuleBook, Standing
from recsys.ranking.weights import Weights, resolve, resolve_similar
from recsys.ranking.work import Work

__all__ = ["ALGO_VERSION", "MAX_ANCHORS", "POOL", "Ranker"]

ALGO_VERSION = "blend-2"
"""The scoring model's version. It changes whenever the same inputs can give another answer."""

POOL = 50
"""Personalisation, diversity and caps re-order the best ``max(POOL, 3·k)`` items; see :func:`_pool_size`."""

DAY_S = 86_400.0


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
        self._book = RuleBook(shelf, rules, surface=surface, segment=segment, withdrawn=withdrawn)
        self._similar = resolve_similar(shelf.signals)
        self._follow(config)

    def tuned(self, config: Config) -> "Ranker":
        """Return one that ranks by another config: same shelf, same rules, compiled once for both."""
        other = copy.copy(self)
        other._follow(config)
        return other

    def _follow(self, config: Config) -> None:
        self.config = config
        self._weights: dict[str, Weights] = {}
        self._weights[config.algorithm] = self._resolved(config.algorithm)
        exploration = config.exploration
        self._drawn = exploration.slots if exploration.policy == "plackett_luce" else 0

    def warm(self, *, now: float) -> None:
        """Compile what the rules come to at ``now``, so that the first request does not pay for it."""
        self._book.at(now)

    def recommend(self, request: RecommendRequest, *, now: float, seed: str | None = None) -> Answer:
        """Answer a request. ``now`` is seconds since 1970: rules are valid or not at that moment.

        ``seed`` is what places are drawn by where the config explores; without one nothing is drawn.
        Same shelf, config, rules, request, ``now`` and seed: same answer.

        Raises ``Invalid`` for an unknown algorithm or signal, or a time that is none.
        """
        draws = Draws("explore", seed) if self._drawn and seed is not None else None
        return self._answer(request, self._weights_for(request), now, draws)

    def similar(self, request: SimilarRequest, *, now: float) -> Answer:
        """Answer with the neighbours of one item by the best there is, refilled from popularity.

        See ``SIMILAR_WEIGHTS`` for what that is.
        """
        return self._answer(_as_recommend(request), self._similar, now)

    def missing(
        self, request: RecommendRequest | SimilarRequest, item_id: str, *, now: float, seed: str | None = None
    ) -> Missing:
        """Say why an item is not in the answer to a request: the first step that dropped it."""
        if isinstance(request, SimilarRequest):
            asked, weights = _as_recommend(request), self._similar
        else:
            asked, weights = request, self._weights_for(request)
        draws = Draws("explore", seed) if self._drawn and seed is not None else None
        k, blend, conditions, work = self._prepared(asked, weights, now, draws)
        try:
            places = [item for _, item in self._placed(k, blend, conditions, work)]
            item = self.shelf.find(item_id)
            facts = Facts(
                blend=blend,
                caps=work.caps,
                conditions=conditions,
                work=work,
                places=places,
                k=k,
                left_out=frozenset(asked.candidates.exclude_ids),
                blocking=() if item is None else self._book.blocking(item, now),
                withdrawn=item is not None and self._book.is_withdrawn(item),
            )
            return first_drop(item_id, facts)
        finally:
            if blend.evidence is not None:
                blend.evidence.close()

    def _answer(self, request: RecommendRequest, weights: Weights, now: float, draws: Draws | None = None) -> Answer:
        k, blend, conditions, work = self._prepared(request, weights, now, draws)
        try:
            places = self._placed(k, blend, conditions, work)
            return self._told(request, places, blend, work)
        finally:
            if blend.evidence is not None:
                blend.evidence.close()

    def _prepared(
        self, request: RecommendRequest, weights: Weights, now: float, draws: Draws | None
    ) -> tuple[int, Blend, Conditions | None, Work]:
        """Read a request: what it leaves out, what it asks of items, what its anchors say. Close the evidence."""
        caps = Caps(
            self.shelf,
            per_tag=request.constraints.max_per_tag,
            per_brand=self.config.diversity.max_per_brand,
            per_category=self.config.diversity.max_per_category,
        )
        work = Work(read_anchors(self.shelf, request), caps, draws)
        standing = self._book.at(now)
        k = min(max(request.k, 1), self.config.limits.max_k)
        if k != request.k:
            work.warn("K_CLAMPED", f"k was {request.k}; {k} is used")
        if request.anchors.item_ids:  # what the page is about; of a history, `exclude_seen` says what is left out
            work.excluded.update(work.anchored.items)
        if request.user.history:
            self._read_history(request.user.history, work, now)
        for item_id in request.candidates.exclude_ids:
            item = self.shelf.find(item_id)
            if item is not None:
                work.excluded.add(item)
        conditions = Conditions.of(self.shelf, request.constraints, request.candidates, request.context)
        evidence = self._gather(weights, work)
        return k, Blend(self.shelf, standing, evidence, weights), conditions, work

    def _resolved(self, algorithm: str) -> Weights:
        return resolve(algorithm, self.config.weights, signals=self.shelf.signals)

    def _weights_for(self, request: RecommendRequest) -> Weights:
        algorithm = request.algorithm or self.config.algorithm
        if request.weights and algorithm == "blend" and self.config.flags.request_weights:
            return resolve(algorithm, request.weights, signals=self.shelf.signals)
        weights = self._weights.get(algorithm)
        if weights is None:
            weights = self._weights[algorithm] = self._resolved(algorithm)
        return weights

    def _read_history(self, history: tuple[HistoryEvent, ...], work: Work, now: float) -> None:
        """Take from a history the visitor's taste, and what they have had enough of."""
        leave_out, settings = self.config.exclude_seen, self.config.personalization
        if leave_out.events:
            gone = seen(history, leave_out.events, since=now - leave_out.days * DAY_S)
            work.excluded.update(item for item in map(self.shelf.find, gone) if item is not None)
        if settings.boost > 0.0:
            items = [item for event in history if (item := self.shelf.find(event.item_id)) is not None]
            work.profile, events = tag_profile(self.shelf.labels["tag"], items)
            work.taste = strength(settings.boost, events, settings.min_events) if events else 0.0

    def _gather(self, weights: Weights, work: Work) -> Evidence | None:
        """Look up the anchors' neighbours, and warn of what is not there."""
        for missing in weights.missing:
            work.warn("SIGNAL_UNAVAILABLE", missing)
        if not weights.reads:
            return None
        anchored = work.anchored
        if not anchored.asked:
            if weights.popularity <= 0.0:
                for signal in weights.reads:
                    work.warn("SIGNAL_PARTIAL", f"{signal} has nothing to start from: no anchors and no history")
            return None
        evidence = Evidence(self.shelf, anchored, weights)
        for signal, knowing in evidence.knowing.items():
            if knowing < anchored.asked:
                known = f"{signal} knows neighbours of {knowing} of {anchored.asked} anchors"
                work.warn("SIGNAL_PARTIAL", known)
        return evidence

    def _placed(self, k: int, blend: Blend, conditions: Conditions | None, work: Work) -> list[Scored]:
        standing, diversity, caps = blend.standing, self.config.diversity, work.caps
        score = self._scorer(blend, work)
        lane = _lane_for(standing, conditions)
        if standing.pins:
            work.pinned = self._pins(standing, k, conditions, caps, work)
            work.excluded.update(work.pinned)
        left = k - len(work.pinned)
        reordered = work.taste > 0.0 or bool(caps) or diversity.mmr_lambda < 1.0 or work.draws is not None
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
        work.considered = pool
        wanted = left if work.draws is None else len(pool)
        if diversity.mmr_lambda < 1.0:
            tags = self.shelf.labels["tag"]
            chosen = choose_diverse(pool, wanted, caps, tags=tags, mmr_lambda=diversity.mmr_lambda)
        else:
            chosen = choose(pool, wanted, caps)
        work.order = chosen
        if work.draws is not None:
            chosen = self._explored(chosen, left, work, work.draws)
        places: list[Scored] = [(-score(item), item) for item in work.pinned] + chosen
        if len(places) < k:
            taken = {item for _, item in places} | work.excluded
            for item in _refill(standing, k - len(places), taken=taken, conditions=conditions, lane=lane, caps=caps):
                work.refilled.add(item)
                places.append((-score(item), item))
            if len(places) < k:
                _warn_of_shortness(blend, work, returned=len(places), k=k, conditions=conditions, caps=caps)
        return places

    def _explored(self, order: list[Scored], left: int, work: Work, draws: Draws) -> list[Scored]:
        """Draw the first places that no pin has. Any part of a list that keeps the caps keeps them."""
        places = max(0, min(self._drawn - len(work.pinned), left))
        drawn, propensities = draw(order, places, temperature=self.config.exploration.temperature, draws=draws)
        work.propensities = [1.0] * len(work.pinned) + propensities
        at_first = {item for _, item in order[:places]}
        work.explored = {item for _, item in drawn[:places]} - at_first
        return drawn[:left]

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
            shown = [item for _, item in places]
            told = Told(self.shelf, blend, work, options=options, items=shown)
            items = tuple(explained(told, item, rank, -minus) for rank, (minus, item) in enumerate(places, 1))
        counts = {
            "anchors": len(work.anchored.items),
            "pool": work.pool,
            "pinned": len(work.pinned),
            "refilled": len(work.refilled),
            "returned": len(items),
        }
        trace = trace_of(self.shelf, blend, work) if options.include_trace else None
        propensities = None
        if work.draws is not None:
            propensities = tuple(work.propensities + [1.0] * (len(items) - len(work.propensities)))
        return Answer(items, tuple(work.warnings), counts, trace, propensities)


def _as_recommend(request: SimilarRequest) -> RecommendRequest:
    return RecommendRequest(
        surface=request.surface,
        segment=request.segment,
        k=request.k,
        context=request.context,
        anchors=Anchors(item_ids=(request.item_id,)),
        candidates=request.candidates,
        constraints=request.constraints,
        options=request.options,
        traffic=request.traffic,
    )


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
