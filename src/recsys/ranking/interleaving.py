"""One list made of two: each ranker places an item in turn, and a coin says who begins each round."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from recsys.ranking.core import Ranker
from recsys.ranking.diversity import Caps
from recsys.ranking.draws import Draws
from recsys.ranking.request import Answer, Ranked, RecommendRequest, Warning

__all__ = ["interleave"]


class _Team:
    """One ranker's list as it is picked from, and how many of the items placed are its."""

    def __init__(self, name: str, answer: Answer, pinned: set[str]) -> None:
        self.name = name
        self.picked = 0
        self._left = iter([item for item in answer.items if item.item_id not in pinned])

    def pick(self, placed: set[str], fits: "_Fits") -> Ranked | None:
        """Return the best item of the list that is not placed yet and that the caps allow."""
        return next((item for item in self._left if item.item_id not in placed and fits.take(item)), None)


class _Fits:
    """The caps of both rankers, the tighter of each pair: the list is one list."""

    def __init__(self, first: Ranker, second: Ranker, request: RecommendRequest) -> None:
        one, other = first.config.diversity, second.config.diversity
        self._shelf = first.shelf
        self._caps = Caps(
            first.shelf,
            per_tag=request.constraints.max_per_tag,
            per_brand=_tighter(one.max_per_brand, other.max_per_brand),
            per_category=_tighter(one.max_per_category, other.max_per_category),
        )

    def __bool__(self) -> bool:
        return bool(self._caps)

    def take(self, item: Ranked) -> bool:
        number = self._shelf.find(item.item_id)
        return number is None or self._caps.take(number)


def interleave(rankers: Mapping[str, Ranker], request: RecommendRequest, *, now: float, seed: str) -> Answer:
    """Answer with a list that two rankers of one shelf, by the names of their teams, take turns to fill.

    Team draft (Radlinski, Kurup & Joachims 2008, "How does clickthrough data reflect retrieval quality?"): whoever has
    placed less picks its best item left; where both have placed as many, a coin drawn from ``seed`` decides. What both
    pin comes first. ``teams`` of the answer says who placed each item; nobody for a pin, and for what fills up when the
    other's list has ended.

    Neither list is drawn by exploration. Same rankers, request, ``now`` and ``seed``: same answer.
    """
    (one, first), (other, second) = rankers.items()
    answers = first.recommend(request, now=now), second.recommend(request, now=now)
    coin, fits = Draws("interleave", seed), _Fits(first, second, request)
    pins = _pins(answers)
    items = [item for item in pins if fits.take(item)]
    placed = {item.item_id for item in items}
    left, right = _Team(one, answers[0], placed), _Team(other, answers[1], placed)
    teams: list[str | None] = [None] * len(items)
    wanted = max(len(answer.items) for answer in answers)
    for item, team in _picks(left, right, placed, fits, coin):
        if len(items) >= wanted:
            break
        placed.add(item.item_id)
        items.append(item)
        teams.append(team)
    places = tuple(msgspec.structs.replace(item, rank=rank) for rank, item in enumerate(items, 1))
    counts = {**answers[0].counts, "pinned": len(pins), "returned": len(places)}
    warnings = dict.fromkeys(answers[0].warnings + answers[1].warnings)
    if len(places) < wanted and fits:
        warnings[Warning("CONSTRAINTS_FILTERED", f"the caps leave {len(places)} items of two lists")] = None
    return Answer(places, tuple(warnings), counts, _trace(rankers, answers), teams=tuple(teams))


def _picks(
    left: _Team, right: _Team, placed: set[str], fits: _Fits, coin: Draws
) -> Iterator[tuple[Ranked, str | None]]:
    """Yield what each team places in its turn, and at last, for nobody, what one has when the other has nothing."""
    while True:
        turn, waits = (left, right) if left.picked < right.picked else (right, left)
        if left.picked == right.picked:
            turn, waits = (left, right) if coin.next() < 0.5 else (right, left)
        item = turn.pick(placed, fits)
        if item is None:
            break
        turn.picked += 1
        yield item, turn.name
    while (item := waits.pick(placed, fits)) is not None:
        yield item, None


def _pins(answers: tuple[Answer, Answer]) -> list[Ranked]:
    """Return what is pinned in both lists, as the first has it."""
    one, other = (answer.items[: answer.counts["pinned"]] for answer in answers)
    both = {item.item_id for item in other}
    return [item for item in one if item.item_id in both]


def _tighter(one: int | None, other: int | None) -> int | None:
    said = [cap for cap in (one, other) if cap is not None]
    return min(said) if said else None


def _trace(rankers: Mapping[str, Ranker], answers: tuple[Answer, Answer]) -> tuple[dict[str, Any], ...] | None:
    if answers[0].trace is None:
        return None
    return tuple(
        {"variant": name, **step} for name, answer in zip(rankers, answers, strict=True) for step in answer.trace or ()
    )
