"""Rules as people read them."""

import pytest
from tests.unit.operations.incidents import NOW_S, Incident

from recsys.console.rulebook import rule_rows
from recsys.console.wording import reasons_in_words
from recsys.documents import Rule
from recsys.encoding import rfc3339
from recsys.snapshot import open_release

DAY = 86_400.0


@pytest.fixture
def snapshot(tmp_path):
    incident = Incident(tmp_path)
    incident.ship()
    return open_release(incident.store, "demo", root=tmp_path / "cache")


def row(rule, snapshot=None, now=NOW_S):
    (found,) = rule_rows((rule,), snapshot, now=now)
    return found


def blocking(**more):
    return Rule(**{"id": "r", "action": "block", "item_ids": ("i01", "gone"), **more})


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (blocking(), "blocks"),
        (blocking(action="pin"), "pins to the top"),
        (blocking(action="pin", max_pins=2), "pins to the top, at most 2"),
        (blocking(action="boost", boost_value=0.5), "raises the score by 50%"),
        (blocking(action="boost", boost_value=-0.25), "lowers the score by 25%"),
        (blocking(action="boost", boost_value=-1), "lowers to nothing"),
        (blocking(action="boost", boost_value=20), "raises the score by 2,000%"),
    ],
)
def test_what_a_rule_does_is_a_verb_with_its_measure(rule, said):
    assert row(rule).does == said


@pytest.mark.parametrize(
    ("window", "state"),
    [
        ({}, "in force"),
        ({"valid_from": rfc3339(NOW_S)}, "in force"),
        ({"valid_from": rfc3339(NOW_S + DAY)}, "not yet"),
        ({"valid_until": rfc3339(NOW_S)}, "over"),
        ({"valid_from": rfc3339(NOW_S - DAY), "valid_until": rfc3339(NOW_S + DAY)}, "in force"),
        ({"enabled": False}, "off"),
    ],
)
def test_whether_a_rule_is_in_force_is_told_by_its_switch_and_its_window(window, state):
    assert row(blocking(**window)).state == state


def test_items_are_named_with_titles_and_those_in_no_catalogue_are_counted(snapshot):
    found = row(blocking(), snapshot)
    assert (found.matches, found.matched, found.listed, found.unknown) == ((("i01", "Thing 1"),), 1, 2, 1)


def test_a_label_says_how_many_items_have_it(snapshot):
    red = Rule(id="r", action="boost", target_type="tag", target_key="red", boost_value=1.0)
    assert (row(red, snapshot).what, row(red, snapshot).matched) == ("tag red", 10)
    nothing = Rule(id="r", action="boost", target_type="brand", target_key="nobody", boost_value=1.0)
    assert (row(nothing, snapshot).matched, row(nothing, snapshot).unknown) == (0, 0)


def test_where_nothing_is_served_nothing_is_said_to_match():
    found = row(blocking())
    assert (found.matched, found.unknown, found.matches) == (None, 0, (("i01", ""), ("gone", "")))


def test_a_rule_of_a_surface_that_is_not_served_matches_nothing_that_can_be_told(snapshot):
    assert row(blocking(surface="cart"), snapshot).matched is None


def test_what_is_in_force_stands_first_in_the_order_in_which_it_is_applied():
    rules = (
        blocking(id="off", enabled=False, priority=9),
        blocking(id="b"),
        blocking(id="a"),
        blocking(id="first", priority=5),
    )
    assert [found.rule.id for found in rule_rows(rules, None, now=NOW_S)] == ["first", "a", "b", "off"]


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ((), ()),
        (("popular", "explored"), ("popular", "drawn by chance")),
        (("together_with:i01", "popular"), ("taken together with Mug", "popular")),
        (
            ("together_with:i01", "liked_with:i01", "next_after:i01", "similar_to:i02"),
            ("taken together with, liked by those who like and next after Mug", "similar to i02"),
        ),
        (("pinned:sale", "boost:sale"), ()),
        (("a_newer_reason", "newer:i01"), ("a_newer_reason", "newer:i01")),
    ],
)
def test_reasons_are_said_in_words(reasons, said):
    assert reasons_in_words(reasons, {"i01": "Mug"}) == said
