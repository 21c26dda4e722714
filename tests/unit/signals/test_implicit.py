import numpy as np
import pytest
from tests.unit.signals.definitions import computed, nearest, opened

from recsys.encoding import Invalid, convert
from recsys.signals.implicit import Params, model

BARE = {"min_support": 1}


def learned(folder, histories, **params):
    """Compute from (user, items, oldest first)."""
    events = [(item, who, "purchase", 0, n) for who, items in histories for n, item in enumerate(items)]
    return computed("implicit", folder, events, params=BARE | params)


def test_a_worked_example(tmp_path):
    """Two items, each of two users, one of whom has both. By hand: the matrix of users is [[2, 1], [1, 2]], the mean
    item has 2, so (G + 2I) = [[4, 1], [1, 4]] with inverse [[4, -1], [-1, 4]] / 15, and B = 1 / 4.
    """
    blob = learned(tmp_path, [("u1", "ab"), ("u2", "a"), ("u3", "b")])
    assert nearest("implicit", blob, "a") == [("b", 0.25)]
    assert nearest("implicit", blob, "b") == [("a", 0.25)]


def test_it_is_the_inverse_of_all_pairs_at_once(tmp_path):
    rng = np.random.default_rng(3)
    taken = rng.random((60, 8)) < 0.4
    histories = [(f"u{n}", "".join("abcdefgh"[i] for i in np.flatnonzero(row))) for n, row in enumerate(taken)]
    counts = taken.T.astype(float) @ taken
    inverse = np.linalg.inv(counts + 0.5 * np.trace(counts) / 8 * np.eye(8))
    expected = -inverse / np.diag(inverse)
    blob = learned(tmp_path, histories, regularisation=0.5)
    found = dict(nearest("implicit", blob, "c"))
    assert found == {
        "abcdefgh"[i]: pytest.approx(expected[2, i], abs=1e-6) for i in range(8) if i != 2 and expected[2, i] > 1e-6
    }


def test_what_another_item_explains_is_not_counted_twice(tmp_path):
    """Whoever has ``c`` has ``b``, and ``b`` is what goes with ``a``: ``c`` beside ``a`` is only by way of ``b``."""
    histories = [(f"u{n}", "ab") for n in range(30)] + [(f"v{n}", "abc") for n in range(10)]
    histories += [(f"w{n}", "bc") for n in range(10)] + [(f"x{n}", "d") for n in range(30)]
    weights = dict(nearest("implicit", learned(tmp_path, histories, regularisation=0.1), "a"))
    assert weights["b"] > 4 * weights.get("c", 0.0)


def test_only_the_items_of_most_users_are_in_the_model(tmp_path):
    blob = learned(tmp_path, [("u1", "abc"), ("u2", "ab"), ("u3", "ab")], items=2)
    assert opened("implicit", blob).items.to_list() == ["a", "b"]


def test_of_a_long_history_the_newest_items_count(tmp_path):
    blob = learned(tmp_path, [("u1", "abcd")], max_history=2)
    assert opened("implicit", blob).items.to_list() == ["c", "d"]


def test_what_users_come_back_for_speaks_for_itself(tmp_path):
    """Of three users with ``a`` two took it on two days; of two with ``b`` one did, and one is too few."""
    days = [("u1", "a", 1), ("u1", "a", 0), ("u2", "a", 1), ("u2", "a", 0), ("u3", "a", 0), ("u3", "a", 0)]
    days += [("u1", "b", 1), ("u1", "b", 0), ("u2", "b", 0), ("u3", "c", 0), ("u2", "c", 0)]
    events = [(item, who, "purchase", day) for who, item, day in days]

    def of_itself(item, **params):
        return dict(nearest("implicit", computed("implicit", tmp_path, events, params=params), item)).get(item)

    assert of_itself("a", repeats=0.9) == pytest.approx(0.6)
    assert of_itself("b", repeats=0.9) is None
    assert of_itself("b", repeats=0.9, min_support=1) == pytest.approx(0.45)
    assert of_itself("a", repeats=2.0) == 1.0
    assert of_itself("a", repeats=0.0) is None
    assert of_itself("a", repeat_types=["conversion"]) is None


def test_a_pair_of_too_few_users_is_left_out(tmp_path):
    blob = learned(tmp_path, [("u1", "abx"), ("u2", "ab")], min_support=2)
    assert [item for item, _ in nearest("implicit", blob, "a")] == ["b"]


def test_the_whole_history_counts_over_all_sessions(tmp_path):
    events = [("a", "u1", "view", 5), ("b", "u1", "view", 0), ("a", "u2", "view", 3), ("b", "u2", "view", 1)]
    assert nearest("implicit", computed("implicit", tmp_path, events), "a")


def test_only_the_nearest_are_kept(tmp_path):
    blob = learned(tmp_path, [("u1", "abc"), ("u2", "ab"), ("u3", "ac"), ("u4", "ad")], neighbours=2)
    assert [item for item, _ in nearest("implicit", blob, "a")] == ["b", "c"]


def test_counts_in_any_order_give_the_same_model():
    items = np.array([*"abcdefghij"], dtype=object)
    rows = {
        "item": np.array([3, 3, 5, 5, 9]),
        "neighbour": np.array([3, 5, 5, 9, 9]),
        "users": np.array([4, 2, 5, 3, 6]),
        "again": np.array([2, 0, 0, 0, 3]),
    }
    order = np.array([4, 2, 3, 0, 1])
    one, other = (
        model({name: column[take] for name, column in rows.items()} | {"items": items}, Params())
        for take in (np.arange(5), order)
    )
    assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"items": 1}, "items"),
        ({"items": 100_000}, "memory"),
        ({"max_history": 1}, "max_history"),
        ({"regularisation": 0}, "regularisation"),
        ({"repeats": -1}, "repeats"),
        ({"min_support": 0}, "min_support"),
        ({"neighbours": 0}, "neighbours"),
        ({"factors": 64}, "factors"),
    ],
)
def test_senseless_parameters_are_refused_by_name(params, says):
    with pytest.raises(Invalid, match=says):
        convert(params, Params, what="signals.implicit")
