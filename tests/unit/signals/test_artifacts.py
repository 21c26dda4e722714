"""What each format promises beyond what all of them do, and that what breaks it is refused."""

import numpy as np
import pytest
from tests.unit.signals.artifacts import cooc, popularity

from recsys.signals import SIGNALS, Unfit
from recsys.signals.artifact import positive_scale
from recsys.store.columns import Columns, pack

POPULARITY = popularity({"a": 3.0, "b": 1.0, "c": 2.0, "d": 2.0})
COOC = cooc({("a", "b"): 0.5, ("a", "c"): 0.5, ("b", "c"): 0.25})


def _refused(blob, says, **changed):
    columns = Columns(blob, where="test")
    arrays = {name: columns[name].copy() for name in columns.names()}
    for name, change in changed.items():
        change(arrays[name])
    altered = Columns(pack(columns.kind, dict(columns.meta), arrays), where="test")
    with pytest.raises(Unfit, match=says):
        SIGNALS[columns.kind].check(altered, tenant="demo")


def _set(at, value):
    return lambda array: array.__setitem__(at, value)


def test_popularity_is_ordered_by_score_and_then_by_id():
    columns = Columns(POPULARITY, where="test")
    assert columns["order"].tolist() == [0, 2, 3, 1]
    SIGNALS["popularity"].check(columns, tenant="demo")


@pytest.mark.parametrize(
    ("column", "change", "says"),
    [
        ("order", _set(slice(0, 2), [2, 0]), "order does not follow"),
        ("order", _set(slice(1, 3), [3, 2]), "order does not follow"),
        ("order", _set(0, 1), "every item once"),
        ("score", _set(1, 0.0), "not positive"),
        ("rate", _set(0, -0.5), "not a rate"),
        ("rate", _set(0, np.inf), "not a rate"),
        ("votes", _set(0, 0), "below what is possible"),
        ("shown", _set(0, -1), "below what is possible"),
    ],
)
def test_a_popularity_artifact_that_breaks_a_promise_is_refused(column, change, says):
    _refused(POPULARITY, says, **{column: change})


def test_neighbours_stand_by_weight_and_then_by_id():
    columns = Columns(COOC, where="test")
    assert columns["offsets"].tolist() == [0, 2, 4, 6]
    assert columns["neighbours"].tolist() == [1, 2, 0, 2, 0, 1]
    SIGNALS["cooc"].check(columns, tenant="demo")


@pytest.mark.parametrize(
    ("column", "change", "says"),
    [
        ("neighbours", _set(slice(0, 2), [2, 1]), "order of their weights"),
        ("neighbours", _set(0, 0), "its own neighbour"),
        ("neighbours", _set(0, 9), "points outside"),
        ("neighbours", _set(0, -1), "points outside"),
        ("offsets", _set(1, 7), "out of order"),
        ("weight", _set(0, 1.5), "above 1"),
        ("weight", _set(0, 0.1), "order of their weights"),
        ("support", _set(0, 5), "two directions"),
        ("support", _set(0, 0), "not positive"),
    ],
)
def test_a_cooc_artifact_that_breaks_a_promise_is_refused(column, change, says):
    _refused(COOC, says, **{column: change})


def test_the_same_neighbour_twice_is_refused():
    def twice(neighbours):
        neighbours[:2] = 1

    def falling(weight):
        weight[1] = 0.4

    _refused(COOC, "same neighbour twice", neighbours=twice, weight=falling)


def test_the_scale_is_one_of_the_values():
    assert positive_scale(np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10])) == 9.0
    assert positive_scale(np.array([5.0])) == 5.0
    assert positive_scale(np.array([0.0, -1.0])) == 1.0
    assert positive_scale(np.arange(1.0, 12.0)) == 10.0
