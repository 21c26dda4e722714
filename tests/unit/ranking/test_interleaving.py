"""One list of two rankers: fair to both, and held by the same rules as either."""

import dataclasses
from collections import Counter

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.unit.ranking import reference
from tests.unit.ranking.reference import World
from tests.unit.ranking.worlds import NOW, configs, ranker_of, requests, worlds

from recsys.catalog import Item
from recsys.documents import Config, Rule
from recsys.ranking import Answer, MemoryShelf, Ranker, interleave
from recsys.ranking.request import RecommendRequest

many = settings(suppress_health_check=list(HealthCheck))
IDS = [f"i{number:02d}" for number in range(40)]


def shop(*, rules: tuple[Rule, ...] = ()) -> tuple[Ranker, Ranker]:
    """Two rankers of one shelf: by popularity, and by what goes with ``i00``; the one's best are the other's worst."""
    shelf = MemoryShelf(
        [Item(item_id=one) for one in IDS],
        popularity={one: 100.0 - at for at, one in enumerate(IDS)},
        cooc={"i00": {one: 1.0 + at for at, one in enumerate(IDS) if at}},
    )
    first = Ranker(
        shelf, config=Config(algorithm="popularity"), rules=rules, withdrawn=(), surface="home", segment=None
    )
    return first, first.tuned(Config(algorithm="cooc"))


def asked(k: int = 10) -> RecommendRequest:
    return msgspec.convert({"surface": "home", "k": k, "anchors": {"item_ids": ["i00"]}}, RecommendRequest)


def mixed(first: Ranker, second: Ranker, number: int, k: int = 10) -> Answer:
    return interleave({"pop": first, "near": second}, asked(k), now=NOW, seed=f"r{number}")


def test_each_picks_its_best_item_left_and_neither_is_ever_two_ahead() -> None:
    first, second = shop()
    best = {"pop": IDS[1:], "near": IDS[:0:-1]}
    for number in range(50):
        answer = mixed(first, second, number)
        assert answer.teams is not None
        placed: list[str] = []
        for item, team in zip(answer.items, answer.teams, strict=True):
            assert team is not None
            assert item.item_id == next(one for one in best[team] if one not in placed)
            placed.append(item.item_id)
            counts = Counter(answer.teams[: len(placed)])
            assert abs(counts["pop"] - counts["near"]) <= 1
        assert [item.rank for item in answer.items] == list(range(1, 11))


def test_a_fair_coin_begins_every_round() -> None:
    first, second = shop()
    rounds: list[tuple[bool, ...]] = []
    for number in range(4000):
        teams = mixed(first, second, number, k=4).teams
        assert teams is not None
        rounds.append((teams[0] == "pop", teams[2] == "pop"))
    assert stats.chisquare([rounds.count(one) for one in sorted(set(rounds))]).pvalue > 0.001
    assert len(set(rounds)) == 4


def test_the_same_ranker_twice_gives_its_own_list_and_every_place_to_either_half_of_the_time() -> None:
    first, _ = shop()
    alone = first.recommend(asked(), now=NOW)
    won = Counter()
    for number in range(2000):
        answer = mixed(first, first, number)
        assert [item.item_id for item in answer.items] == [item.item_id for item in alone.items]
        assert answer.teams is not None
        won.update((place, team) for place, team in enumerate(answer.teams))
    for place in range(10):
        assert stats.binomtest(won[place, "pop"], 2000).pvalue > 0.001


def test_what_both_pin_comes_first_and_is_nobodys() -> None:
    first, second = shop(rules=(Rule(id="p", action="pin", target_type="item", item_ids=("i30", "i20")),))
    answer = mixed(first, second, 1)
    assert [item.item_id for item in answer.items[:2]] == ["i30", "i20"]
    assert answer.teams is not None
    assert answer.teams[:2] == (None, None)
    assert None not in answer.teams[2:]


@many
@given(world=worlds(), other=configs, request=requests, seed=st.text(max_size=8))
def test_rules_exclusions_constraints_and_the_tighter_caps_hold(
    world: World, other: Config, request: RecommendRequest, seed: str
) -> None:
    one = ranker_of(world)
    two = one.tuned(other)
    answer = interleave({"a": one, "b": two}, request, now=NOW, seed=seed)
    assert answer == interleave({"a": one, "b": two}, request, now=NOW, seed=seed)
    lists = [ranker.recommend(request, now=NOW) for ranker in (one, two)]
    shown = [item.item_id for item in answer.items]
    assert len(shown) == len(set(shown)) <= max(len(alone.items) for alone in lists)
    assert set(shown) <= {item.item_id for alone in lists for item in alone.items}
    assert answer.teams is not None
    assert len(answer.teams) == len(shown)
    counts = [reference.Count(dataclasses.replace(world, config=config), request) for config in (world.config, other)]
    for item_id in shown:
        assert all(count.take(world.rows[item_id]) for count in counts)


def test_a_list_is_as_long_as_either_where_nothing_caps_it() -> None:
    first, second = shop()
    assert len(mixed(first, second, 1, k=39).items) == 39


@pytest.mark.parametrize("trace", [True, False])
def test_a_trace_tells_the_steps_of_both(trace: bool) -> None:
    first, second = shop()
    request = msgspec.convert({"surface": "home", "options": {"include_trace": trace}}, RecommendRequest)
    found = interleave({"pop": first, "near": second}, request, now=NOW, seed="r").trace
    assert {step["variant"] for step in found or ()} == ({"pop", "near"} if trace else set())
