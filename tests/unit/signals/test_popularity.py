import math
import random

import numpy as np
import pytest
from tests.unit.signals.definitions import computed, opened, ranking, scores

from recsys.encoding import Invalid, convert
from recsys.signals import SIGNALS
from recsys.signals.popularity import Params, decay, shrunken_rate


def test_a_user_counts_once_a_day_however_often(tmp_path):
    busy = [("a", "u1", "view", 0)] * 50 + [("b", "u1", "view", 0), ("b", "u2", "view", 0)]
    assert scores(computed("popularity", tmp_path, busy)) == {"a": 1.0, "b": 2.0}


def test_two_days_of_one_user_are_two_votes(tmp_path):
    blob = computed("popularity", tmp_path, [("a", "u1", "view", 0), ("a", "u1", "view", 14)])
    assert scores(blob) == {"a": 1.5}
    assert opened("popularity", blob).votes.tolist() == [2]


def test_the_worthiest_deed_of_a_day_counts(tmp_path):
    blob = computed("popularity", tmp_path, [("a", "u1", "view", 0), ("a", "u1", "purchase", 0)])
    assert scores(blob) == {"a": 5.0}


def test_a_vote_is_halved_every_half_life():
    assert decay(100, 100, 14.0) == 1 << 20
    assert decay(86, 100, 14.0) == 1 << 19
    assert decay(72, 100, 14.0) == 1 << 18


def test_what_followed_our_own_answers_counts_less(tmp_path):
    events = [("ours", "u1", "click", 0), ("own", "u1", "click", 0)]
    assert scores(computed("popularity", tmp_path, events, requests=[7, None])) == {"ours": 1.0, "own": 2.0}


def test_event_types_without_a_weight_count_nothing(tmp_path):
    blob = computed("popularity", tmp_path, [("a", "u1", "view", 0), ("b", "u1", "returned", 0)])
    assert scores(blob) == {"a": 1.0}


def test_ties_are_broken_by_the_item_id(tmp_path):
    blob = computed("popularity", tmp_path, [(item, "u1", "view", 0) for item in ("é", "b", "a", "Z")])
    assert ranking(blob) == ["Z", "a", "b", "é"]


def test_copying_every_user_a_hundred_times_changes_no_order(tmp_path):
    rng = random.Random(3)
    events = [
        (f"i{rng.randrange(30)}", f"u{rng.randrange(20)}", rng.choice(("view", "click")), rng.randrange(22))
        for _ in range(300)
    ]
    copies = [(item, f"{who}-{copy}", kind, ago) for copy in range(100) for item, who, kind, ago in events]
    one, hundred = (computed("popularity", tmp_path, rows) for rows in (events, copies))
    assert ranking(one) == ranking(hundred)
    assert opened("popularity", hundred).scale == 100 * opened("popularity", one).scale


def test_the_scale_is_the_ninetieth_percentile(tmp_path):
    events = [(f"i{n}", f"u{user}", "view", 0) for n in range(10) for user in range(n + 1)]
    assert opened("popularity", computed("popularity", tmp_path, events)).scale == 9.0


def test_exposures_give_a_rate_that_corrects_for_the_place_shown(tmp_path):
    events = [("top", "u1", "click", 0), ("low", "u1", "click", 0)]
    exposures = [
        ("top", 1, 1),
        ("low", 10, 1),
        *(("top", 1, n) for n in range(2, 40)),
        *(("low", 10, n) for n in range(2, 40)),
    ]
    artifact = opened("popularity", computed("popularity", tmp_path, events, requests=[1, 1], exposures=exposures))
    low, top = artifact.rate.tolist()
    assert low > top, "clicked as often from a place that is looked at ten times less"
    assert artifact.shown.tolist() == [39, 39]


def test_an_item_never_shown_has_no_rate(tmp_path):
    events = [("a", "u1", "click", 0), ("b", "u1", "click", 0)]
    artifact = opened(
        "popularity", computed("popularity", tmp_path, events, requests=[1, None], exposures=[("a", 1, 1)])
    )
    assert artifact.rate[0] >= 0
    assert math.isnan(artifact.rate[1])


def test_a_click_on_what_that_list_did_not_show_is_no_outcome(tmp_path):
    events = [("a", "u1", "click", 0)]
    artifact = opened("popularity", computed("popularity", tmp_path, events, requests=[2], exposures=[("a", 1, 1)]))
    assert artifact.rate.tolist() == [0.0]


def test_what_was_shown_and_nobody_wanted_counts_for_the_mean(tmp_path):
    events = [("a", "u1", "click", 0)]
    exposures = [("a", 1, n) for n in range(1, 5)] + [("unwanted", 1, n) for n in range(1, 13)]
    artifact = opened("popularity", computed("popularity", tmp_path, events, requests=[1], exposures=exposures))
    assert artifact.items.to_list() == ["a"]
    expected = shrunken_rate(np.array([1.0, 0.0]), np.array([4.0, 12.0]))[0]
    assert artifact.rate.tolist() == [expected]
    assert expected < 1 / 4, "drawn to one outcome of sixteen, not kept at its own rate"


def test_rates_of_little_evidence_are_drawn_to_the_mean():
    outcomes = np.array([50.0, 200.0, 1.0])
    examined = np.array([1000.0, 1000.0, 1.0])
    rate = shrunken_rate(outcomes, examined)
    mean = 251 / 2001
    assert abs(rate[2] - mean) < 0.1 < 1 - mean
    assert abs(rate[1] - 0.2) < 0.01
    assert np.array_equal(rate[::-1], shrunken_rate(outcomes[::-1], examined[::-1]))


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"half_life_days": 0}, "half_life_days"),
        ({"half_life_days": math.inf}, "half_life_days"),
        ({"event_weights": {}}, "event_weights"),
        ({"event_weights": {"view": 0.001}}, "event_weights"),
        ({"event_weights": {"view": -1}}, "event_weights.view"),
        ({"recommended_weight": 1.5}, "recommended_weight"),
        ({"half_life": 3}, "half_life_days"),
    ],
)
def test_senseless_parameters_are_refused_by_name(params, says):
    with pytest.raises(Invalid, match=says):
        convert(params, Params, what="signals.popularity")


def test_the_registry_knows_it_by_name():
    assert SIGNALS["popularity"].name == "popularity"
    assert list(SIGNALS["popularity"].steps()) == ["daily", "result"]
