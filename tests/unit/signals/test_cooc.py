import math
import random

import pytest
from tests.unit.signals.definitions import computed, neighbours, opened

from recsys.encoding import Invalid, convert
from recsys.signals import SIGNALS
from recsys.signals.cooc import Params

LOOSE = {"min_support": 1, "shrinkage": 0.0}


def taken(baskets):
    """Lay (user, items) out as events, each a basket of its own."""
    events, names = [], []
    for n, (who, items) in enumerate(baskets):
        for item in items:
            events.append((item, who, "purchase", 0))
            names.append(f"basket-{n}")
    return events, names


def cooc(folder, baskets, **params):
    events, names = taken(baskets)
    return computed("cooc", folder, events, baskets=names, params=LOOSE | params)


def test_a_user_has_one_vote_per_pair_however_often(tmp_path):
    blob = cooc(tmp_path, [("u1", "ab")] * 20 + [("u2", "ac"), ("u3", "ac")])
    assert neighbours(blob, "a") == [("c", 2), ("b", 1)]


def test_support_is_the_same_from_both_sides(tmp_path):
    blob = cooc(tmp_path, [("u1", "ab"), ("u2", "abc"), ("u3", "bc")])
    assert neighbours(blob, "a")[0] == ("b", 2)
    assert ("a", 2) in neighbours(blob, "b")


def test_a_pair_of_too_few_users_is_left_out(tmp_path):
    blob = cooc(tmp_path, [("u1", "abx"), ("u2", "ab"), ("u1", "abx")], min_support=2)
    assert neighbours(blob, "a") == [("b", 2)]
    assert neighbours(blob, "x") == []


def test_items_of_different_baskets_do_not_meet(tmp_path):
    blob = cooc(tmp_path, [("u1", "ab"), ("u1", "cd")])
    assert neighbours(blob, "a") == [("b", 1)]


def test_the_weight_is_the_cosine_of_the_users(tmp_path):
    blob = cooc(tmp_path, [("u1", "ab"), ("u2", "ab"), ("u3", "a"), ("u4", "a")])
    assert opened("cooc", blob).weight[0] == pytest.approx(2 / (4 * 2) ** 0.5)


def test_shrinkage_holds_rare_pairs_back(tmp_path):
    baskets = [("u1", "xy")] + [(f"v{n}", "ab") for n in range(20)] + [("w", "a")]
    bare = opened("cooc", cooc(tmp_path, baskets))
    held = opened("cooc", cooc(tmp_path, baskets, shrinkage=1.0))
    at = bare.items.find("x")
    first = int(bare.offsets[at])
    assert bare.weight[first] > bare.weight[0], "a pair of one user looks perfect"
    assert held.weight[first] < held.weight[0]


def test_a_long_basket_is_cut_to_the_same_choice_in_any_order(tmp_path):
    items = [f"i{n:03}" for n in range(60)]
    shuffled = random.Random(5).sample(items, 60)
    one = cooc(tmp_path, [("u1", items)], max_basket=10, neighbours=100)
    assert one == cooc(tmp_path, [("u1", shuffled)], max_basket=10, neighbours=100)
    kept = opened("cooc", one).items.to_list()
    assert len(kept) == 10
    assert kept != items[:10], "the choice must not prefer ids that sort first"


def test_only_the_nearest_are_kept(tmp_path):
    blob = cooc(tmp_path, [("u1", "abcdef"), ("u2", "ab"), ("u3", "ac")], neighbours=2)
    assert [item for item, _ in neighbours(blob, "a")] == ["b", "c"]


def test_only_the_named_event_types_count(tmp_path):
    events = [("a", "u1", "purchase", 0), ("b", "u1", "purchase", 0), ("c", "u1", "view", 0)]
    blob = computed("cooc", tmp_path, events, params=LOOSE | {"event_types": ("purchase",)})
    assert opened("cooc", blob).items.to_list() == ["a", "b"]


def _random_baskets(seed, users=30):
    rng = random.Random(seed)
    return [(f"u{n}", rng.sample("abcdefghijkl", rng.randrange(2, 6))) for n in range(users) for _ in range(2)]


@pytest.mark.parametrize("shrinkage", [0.0, 0.5])
def test_copying_every_user_a_hundred_times_changes_no_order(tmp_path, shrinkage):
    baskets = _random_baskets(11)
    copies = [(f"{who}-{copy}", items) for copy in range(100) for who, items in baskets]
    one, hundred = (cooc(tmp_path, rows, shrinkage=shrinkage) for rows in (baskets, copies))
    for item in "abcdefghijkl":
        assert [name for name, _ in neighbours(one, item)] == [name for name, _ in neighbours(hundred, item)]


def test_with_a_minimum_of_users_copies_add_neighbours_and_move_none(tmp_path):
    baskets = _random_baskets(12, users=12)
    copies = [(f"{who}-{copy}", items) for copy in range(100) for who, items in baskets]
    one, hundred = (cooc(tmp_path, rows, min_support=2) for rows in (baskets, copies))
    for item in "abcdefghijkl":
        before = [name for name, _ in neighbours(one, item)]
        assert before == [name for name, _ in neighbours(hundred, item) if name in before]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"max_basket": 1}, "max_basket"),
        ({"min_support": 0}, "min_support"),
        ({"min_support": 10**19}, "min_support"),
        ({"shrinkage": 1e300}, "shrinkage"),
        ({"shrinkage": math.nan}, "shrinkage"),
        ({"neighbors": 5}, "neighbours"),
    ],
)
def test_senseless_parameters_are_refused_by_name(params, says):
    with pytest.raises(Invalid, match=says):
        convert(params, Params, what="signals.cooc")


def test_the_definition_is_a_list_of_named_queries():
    assert list(SIGNALS["cooc"].steps())[-1] == "result"
