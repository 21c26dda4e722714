"""Places that are drawn: with the probability that is recorded, again and again the same, and never what may not be."""

import dataclasses
import itertools
import math
from collections import Counter

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.unit.ranking import reference
from tests.unit.ranking.reference import World
from tests.unit.ranking.worlds import NOW, ranker_of, requests, worlds

from recsys.catalog import Item
from recsys.documents import Config, Diversity, Exploration, Rule
from recsys.ranking import MemoryShelf, Ranker
from recsys.ranking.draws import Draws
from recsys.ranking.exploring import draw
from recsys.ranking.request import Options, RecommendRequest

many = settings(suppress_health_check=list(HealthCheck))
ORDER = [(-float(9 - number), number) for number in range(6)]


class Dice(Draws):
    """Numbers that a test chooses."""

    def __init__(self, *numbers: float) -> None:
        self._numbers = iter(numbers)

    def next(self) -> float:
        return next(self._numbers)


def exploring(world: World, **how: float) -> World:
    explored = Exploration(policy="plackett_luce", **how)
    return dataclasses.replace(world, config=msgspec.structs.replace(world.config, exploration=explored), rows={})


@pytest.mark.parametrize("temperature", [1.0, 2.0, 1000.0])
@pytest.mark.parametrize("above", [(), (0.0,), (0.99, 0.4)])
def test_at_each_place_the_propensities_of_all_that_may_stand_there_sum_to_1(
    temperature: float, above: tuple[float, ...]
) -> None:
    found = {}
    for step in range(4000):
        dice = Dice(*above, step / 4000)
        drawn, propensities = draw(ORDER, len(above) + 1, temperature=temperature, draws=dice)
        found[drawn[len(above)]] = propensities[-1]
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-12)
    assert len(found) == len(ORDER) - len(above)


def test_lists_come_as_often_as_their_propensities_say() -> None:
    order, temperature, lists = ORDER[:4], 1.5, 20_000
    seen: Counter[tuple[int, ...]] = Counter()
    said: dict[tuple[int, ...], float] = {}
    for number in range(lists):
        drawn, propensities = draw(order, 2, temperature=temperature, draws=Draws("explore", f"request-{number}"))
        first_two = tuple(item for _, item in drawn[:2])
        seen[first_two] += 1
        said[first_two] = math.prod(propensities)
        assert [item for _, item in drawn[2:]] == sorted({0, 1, 2, 3} - set(first_two))
    possible = list(itertools.permutations(range(4), 2))
    likely = {at: math.exp(-at / temperature) for at in range(4)}
    for one, other in possible:
        total = sum(likely.values())
        assert said[one, other] == pytest.approx(likely[one] / total * likely[other] / (total - likely[one]))
    expected = [lists * said[two] for two in possible]
    assert stats.chisquare([seen[two] for two in possible], expected).pvalue > 0.001


def test_the_stream_of_chance_never_changes() -> None:
    """Else no answer drawn by an older version could be computed again."""
    draws = Draws("explore", "01900000-0000-7000-8000-000000000000")
    assert [draws.next() for _ in range(3)] == [0.2221064314854756, 0.05665608505801456, 0.841141919094469]


@many
@given(world=worlds(), request=requests, slots=st.integers(1, 50))
def test_as_the_temperature_falls_the_list_stays_as_it_is(world: World, request: RecommendRequest, slots: int) -> None:
    plain = ranker_of(world).recommend(request, now=NOW, seed="r1")
    cold = ranker_of(exploring(world, temperature=0.01, slots=slots)).recommend(request, now=NOW, seed="r1")
    assert plain.propensities is None
    assert [(one.item_id, one.score) for one in cold.items] == [(one.item_id, one.score) for one in plain.items]
    assert cold.propensities == pytest.approx([1.0] * len(plain.items))


@many
@given(world=worlds(), request=requests)
def test_what_is_not_explored_is_byte_for_byte_as_it_was(world: World, request: RecommendRequest) -> None:
    plain = msgspec.json.encode(ranker_of(world).recommend(request, now=NOW))
    assert msgspec.json.encode(ranker_of(world).recommend(request, now=NOW, seed="r1")) == plain
    assert msgspec.json.encode(ranker_of(exploring(world)).recommend(request, now=NOW)) == plain


@many
@given(world=worlds(), request=requests, seed=st.text(max_size=8), slots=st.integers(1, 50))
def test_chance_shows_nothing_that_may_not_be_shown_and_shortens_no_list(
    world: World, request: RecommendRequest, seed: str, slots: int
) -> None:
    world_of_chance = exploring(world, temperature=1e4, slots=slots)
    drawn = ranker_of(world_of_chance).recommend(request, now=NOW, seed=seed)
    assert drawn == ranker_of(world_of_chance).recommend(request, now=NOW, seed=seed)
    assert drawn.propensities is not None
    assert len(drawn.propensities) == len(drawn.items)
    assert all(0 < propensity <= 1 for propensity in drawn.propensities)
    plain = ranker_of(world).recommend(request, now=NOW)
    assert len(drawn.items) == len(plain.items)
    pinned = plain.counts["pinned"]
    assert drawn.items[:pinned] == plain.items[:pinned]
    held = reference.Count(world, request)
    active = reference.valid(world, NOW)
    for place, (one, propensity) in enumerate(zip(drawn.items, drawn.propensities, strict=True)):
        item = world.rows[one.item_id]
        assert not reference.gone(world, item)
        assert not any(rule.action == "block" and reference.matches(rule, item) for rule in active)
        assert one.item_id not in request.candidates.exclude_ids
        assert one.item_id not in reference.seen_of(world, request, NOW)
        assert reference.passes(request, item)
        assert held.take(item)
        if place < pinned or place >= slots:
            assert propensity == 1.0


def shop(**how: object) -> Ranker:
    ids = [f"i{number}" for number in range(80)]
    return Ranker(
        MemoryShelf(
            [Item(item_id=one, brand=f"b{at % 8}") for at, one in enumerate(ids)],
            popularity={one: 100.0 - at for at, one in enumerate(ids)},
        ),
        config=Config(exploration=Exploration(policy="plackett_luce", temperature=5.0, slots=3), **how),
        rules=(Rule(id="p", action="pin", target_type="item", item_ids=("i70",)),),
        withdrawn=(),
        surface="home",
        segment=None,
    )


def test_only_the_places_asked_for_are_drawn_and_pins_count_among_them() -> None:
    shown, reasons = set(), set()
    for number in range(300):
        request = RecommendRequest(surface="home", k=6, options=Options(include_reasons=True))
        answer = shop().recommend(request, now=NOW, seed=f"r{number}")
        ids = [item.item_id for item in answer.items]
        assert answer.propensities is not None
        assert ids[0] == "i70"
        assert answer.propensities[0] == 1.0
        assert answer.propensities[3:] == (1.0,) * 3
        assert [one for one in ["i0", "i1", "i2", "i3", "i4"] if one not in ids[1:3]][:3] == ids[3:]
        shown.update(ids[1:3])
        reasons |= {(item.item_id, "explored" in (item.reasons or ())) for item in answer.items}
    assert len(shown) > 10
    assert ("i0", True) not in reasons
    assert ("i9", True) in reasons


def test_caps_hold_whatever_is_drawn() -> None:
    ranker = shop(diversity=Diversity(max_per_brand=1))
    for number in range(200):
        answer = ranker.recommend(RecommendRequest(surface="home", k=8), now=NOW, seed=f"r{number}")
        brands = [int(item.item_id[1:]) % 8 for item in answer.items]
        assert len(brands) == len(set(brands)) == 8
