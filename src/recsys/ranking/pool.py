"""The best of all items by blended score and boosts, found without scoring them all.

Two sources are merged: the anchors' neighbours, each scored, and the lane of everything that may be shown,
walked from the most popular down. An item that is nobody's neighbour scores its weighted popularity alone,
so the walk ends where no later item can still get in (Fagin's threshold algorithm): exactly as if every item
were scored.
"""

from collections.abc import Iterator, Set

import numpy as np

from recsys.ranking.conditions import Conditions
from recsys.ranking.diversity import Scored
from recsys.ranking.evidence import Evidence
from recsys.ranking.shelf import F8, I4, Shelf
from recsys.ranking.standing import Lane, Standing
from recsys.ranking.weights import Weights

__all__ = ["Blend", "best", "walk"]

_FIRST_STEP = 32  # and twice what is wanted are looked at together; the next step looks at four times as many
_ROUNDING = 1.0 + 1e-12
"""A lane is sorted by ``popularity · lift``, a score is ``w · popularity · lift``: last digits differ."""


class Blend:
    """The score of an item in one request, before personalisation."""

    __slots__ = ("evidence", "shelf", "standing", "w_popularity", "weights")

    def __init__(self, shelf: Shelf, standing: Standing, evidence: Evidence | None, weights: Weights) -> None:
        self.shelf, self.standing, self.evidence = shelf, standing, evidence
        self.weights, self.w_popularity = weights, weights.popularity

    def parts(self, item: int) -> dict[str, float]:
        """Return what each signal contributes to an item's score; popularity and cooc also when it is nothing."""
        by_popularity = self.w_popularity * self.standing.popularity_of[item]
        near = {} if self.evidence is None else self.evidence.parts(item)
        return {"popularity": by_popularity, "cooc": 0.0, **near}

    def of(self, item: int) -> float:
        """Return ``(w_popularity · popularity + what the neighbour signals say) · lift``."""
        score = self.w_popularity * self.standing.popularity_of[item]
        if self.evidence is not None:
            score += self.evidence.values[self.evidence.slots[item]]
        return score * self.standing.lift_of(item)

    def of_neighbours(self, evidence: Evidence) -> F8:
        """Return the score of each of the evidence's items; the same digits as :meth:`of`."""
        scores = self.w_popularity * self.shelf.popularity.take(evidence.items)
        scores += evidence.scores()
        if self.standing.lift is not None:
            scores *= self.standing.lift.take(evidence.items)
        return scores

    def of_strangers(self, items: I4) -> F8:
        """Return the score of items that are nobody's neighbour."""
        scores = self.w_popularity * self.shelf.popularity.take(items)
        if self.standing.lift is not None:
            scores *= self.standing.lift.take(items)
        return scores


def best(
    blend: Blend, wanted: int, *, excluded: Set[int], conditions: Conditions | None, lane: Lane | None
) -> list[Scored]:
    """Return the ``wanted`` best items with a score above 0, best first, ties by item.

    ``lane`` is what to walk; ``None`` is everything, by the head kept at hand where that is enough.
    """
    if wanted <= 0:
        return []
    found = _neighbours(blend, wanted, excluded, conditions) if blend.evidence is not None else []
    if blend.w_popularity > 0.0:
        if conditions is None and blend.standing.lift is None:
            _add_head(blend, wanted, found, excluded)
        else:
            _add_walked(blend, wanted, found, excluded=excluded, conditions=conditions, lane=lane)
        found.sort()
    return found[:wanted]


def walk(
    standing: Standing, lane: Lane | None, conditions: Conditions | None, *, wanted: int
) -> Iterator[tuple[I4, float]]:
    """Go down a lane in growing steps: the items that pass, and the largest value of all still to come."""
    here = standing.head if lane is None else lane
    start, step = 0, _FIRST_STEP + 2 * wanted
    while True:
        while start < len(here.items):
            items = here.items[start : start + step]
            start, step = start + step, step * 4
            if conditions is not None:
                items = items[conditions.keep(items)]
            yield items, float(here.values[min(start, len(here.values) - 1)])
        if lane is not None or len(here.items) >= standing.live:
            return
        start, here = len(here.items), standing.lane(None)  # the head is the beginning of the whole lane


def _neighbours(blend: Blend, wanted: int, excluded: Set[int], conditions: Conditions | None) -> list[Scored]:
    evidence = blend.evidence
    assert evidence is not None
    items, scores = evidence.items, blend.of_neighbours(evidence)
    if conditions is not None:
        passed = conditions.keep(items)
        items, scores = items[passed], scores[passed]
    falling = np.argsort(-scores)
    out = blend.standing.out_bytes
    found: list[Scored] = []
    seen = set(excluded)
    # neighbours of several anchors stand in the list once for each of them, so look at a few more than wanted
    start, step = 0, 2 * wanted + len(seen)
    while start < len(falling):
        part = falling[start : start + step]
        for item, score in zip(items[part].tolist(), scores[part].tolist(), strict=True):
            if len(found) >= wanted and -score > found[-1][0]:
                found.sort()  # equal scores come in any order
                return found
            if item not in seen and not out[item] and score > 0.0:
                seen.add(item)
                found.append((-score, item))
        start += step
    found.sort()
    return found


def _add_head(blend: Blend, wanted: int, found: list[Scored], excluded: Set[int]) -> None:
    """Add the most popular from the head: sorted already, so the first that may be taken are the best."""
    weight, standing = blend.w_popularity, blend.standing
    slots = blend.evidence.slots if blend.evidence is not None else None
    enough = -found[wanted - 1][0] if len(found) >= wanted else 0.0
    left = wanted
    for item, value in zip(standing.head_items, standing.head_values, strict=True):
        score = weight * value
        if score < enough or score <= 0.0:
            return
        if item not in excluded and (slots is None or not slots[item]):
            found.append((-score, item))
            left -= 1
            if not left:
                return
    if len(standing.head_items) < standing.live:
        _add_walked(blend, wanted, found, excluded={*excluded, *standing.head_items})


def _add_walked(
    blend: Blend,
    wanted: int,
    found: list[Scored],
    *,
    excluded: Set[int],
    conditions: Conditions | None = None,
    lane: Lane | None = None,
) -> None:
    """Add what a walk down a lane finds that can be among the ``wanted`` best."""
    slots = blend.evidence.slots if blend.evidence is not None else None
    enough = -found[wanted - 1][0] if len(found) >= wanted else 0.0
    added = 0
    for items, coming in walk(blend.standing, lane, conditions, wanted=wanted):
        scores = blend.of_strangers(items)
        for item, score in zip(items.tolist(), scores.tolist(), strict=True):
            if score <= 0.0 or item in excluded or (slots is not None and slots[item]):
                continue
            found.append((-score, item))
            added += 1
            if added == wanted and score > enough:
                enough = score
            elif score * _ROUNDING < enough:
                break  # a lane falls, but for the last digit
        if blend.w_popularity * coming * _ROUNDING < enough:
            return
