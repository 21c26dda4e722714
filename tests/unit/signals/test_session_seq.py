import pytest
from tests.unit.signals.definitions import computed, nearest

from recsys.encoding import Invalid, convert
from recsys.signals.session_seq import Params

BARE = {"min_support": 1, "shrinkage": 0.0}


def walked(folder, sessions, **params):
    """Compute from (user, items in the order taken); a space between items is a step, letters beside each other are
    taken at one moment.
    """
    events, names = [], []
    for n, (who, steps) in enumerate(sessions):
        for second, moment in enumerate(steps.split()):
            for item in moment:
                events.append((item, who, "view", 0, second))
                names.append(f"session-{n}")
    return computed("session_seq", folder, events, baskets=names, params=BARE | params)


def follows(folder, sessions, item, **params):
    return dict(nearest("session_seq", walked(folder, sessions, **params), item))


def test_a_worked_example(tmp_path):
    """Of three users with ``a`` two went on to ``b`` at once, one of them then to ``c``; the third went nowhere."""
    blob = walked(tmp_path, [("u1", "a b c"), ("u2", "a b"), ("u3", "a")])
    assert nearest("session_seq", blob, "a") == [("b", pytest.approx(2 / 3)), ("c", pytest.approx(0.5 / 3))]
    assert nearest("session_seq", blob, "b") == [("c", pytest.approx(1 / 2))]
    assert nearest("session_seq", blob, "c") == []


def test_the_further_away_the_less_it_counts(tmp_path):
    assert follows(tmp_path, [("u1", "a x y b")], "a")["b"] == pytest.approx(1 / 3, abs=1e-6)


def test_what_is_too_far_away_did_not_follow(tmp_path):
    assert set(follows(tmp_path, [("u1", "a x y b")], "a", max_gap=2)) == {"x", "y"}


def test_what_came_before_does_not_follow(tmp_path):
    assert follows(tmp_path, [("u1", "a b")], "b") == {}


def test_what_was_taken_at_one_moment_follows_the_step_before_and_not_itself(tmp_path):
    blob = walked(tmp_path, [("u1", "a bc d")])
    assert [item for item, _ in nearest("session_seq", blob, "a")] == ["b", "c", "d"]
    assert [item for item, _ in nearest("session_seq", blob, "b")] == ["d"]


def test_a_user_has_one_vote_per_way_however_often_they_go_it(tmp_path):
    often = [("u1", "a b")] * 20 + [("u2", "a c"), ("u3", "a c")]
    assert follows(tmp_path, often, "a") == {"c": pytest.approx(2 / 3), "b": pytest.approx(1 / 3)}


def test_a_users_shortest_way_counts(tmp_path):
    assert follows(tmp_path, [("u1", "a x b"), ("u1", "a b")], "a")["b"] == 1.0


def test_sessions_do_not_meet(tmp_path):
    assert set(follows(tmp_path, [("u1", "a b"), ("u1", "c d")], "a")) == {"b"}


def test_a_way_of_too_few_users_is_left_out(tmp_path):
    sessions = [("u1", "a b x"), ("u2", "a b")]
    assert set(follows(tmp_path, sessions, "a", min_support=2)) == {"b"}


def test_shrinkage_holds_items_of_few_users_back(tmp_path):
    sessions = [("u1", "x y")] + [(f"v{n}", "a b") for n in range(9)] + [("w", "a")]
    held = walked(tmp_path, sessions, shrinkage=1.0)
    assert nearest("session_seq", held, "x")[0][1] < nearest("session_seq", held, "a")[0][1]


def test_of_a_long_session_the_beginning_counts(tmp_path):
    assert follows(tmp_path, [("u1", "a b c d")], "a", max_session=3) == {"b": 1.0, "c": 0.5}


def test_only_the_nearest_are_kept(tmp_path):
    assert set(follows(tmp_path, [("u1", "a b c d")], "a", neighbours=2)) == {"b", "c"}


def test_only_the_named_event_types_count(tmp_path):
    events = [("a", "u1", "view", 0, 0), ("b", "u1", "click", 0, 1), ("c", "u1", "view", 0, 2)]
    blob = computed("session_seq", tmp_path, events, params=BARE | {"event_types": ("view",)})
    assert nearest("session_seq", blob, "a") == [("c", 1.0)]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"max_gap": 0}, "max_gap"),
        ({"max_session": 1}, "max_session"),
        ({"min_support": 0}, "min_support"),
        ({"shrinkage": -1}, "shrinkage"),
        ({"neighbours": 0}, "neighbours"),
        ({"gap": 3}, "max_gap"),
    ],
)
def test_senseless_parameters_are_refused_by_name(params, says):
    with pytest.raises(Invalid, match=says):
        convert(params, Params, what="signals.session_seq")
