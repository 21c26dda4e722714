from typing import Any

import pytest

from recsys.documents import Rule, canonical_rules, check_rules, read_rules, with_rule_enabled
from recsys.encoding import Invalid, canonical
from recsys.errors import NotFound

GOOD: dict[str, Any] = {"id": "r", "action": "block", "item_ids": ["mug"]}


def test_rules_are_read_by_id_and_exclude_is_block():
    rules = read_rules(canonical([GOOD | {"id": "b", "action": "exclude"}, GOOD | {"id": "a"}]))
    assert [(rule.id, rule.action) for rule in rules] == [("a", "block"), ("b", "block")]


def test_the_same_rules_have_the_same_stored_form_however_they_are_listed():
    one, two = GOOD | {"id": "a"}, GOOD | {"id": "b", "action": "exclude"}
    assert canonical_rules(canonical([one, two])) == canonical_rules(canonical([two | {"action": "block"}, one]))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"item_ids": []}, "`item_ids` is empty"),
        ({"target_type": "tag", "item_ids": []}, "`target_key` is missing"),
        ({"target_type": "tag", "target_key": "x"}, "`item_ids` has no meaning"),
        ({"target_key": "x"}, "`target_key` has no meaning"),
        ({"action": "pin", "target_type": "tag", "target_key": "x", "item_ids": []}, "a pin needs items"),
        ({"action": "boost", "boost_value": -1.01}, "`boost_value` is -1.01"),
        ({"boost_value": 1}, "`boost_value` has no meaning for a block"),
        ({"max_pins": 3}, "`max_pins` has no meaning for a block"),
        ({"action": "pin", "max_pins": 0}, "`max_pins` is 0"),
        ({"valid_from": "2026-11-02T00:00:00Z", "valid_until": "2026-11-02T01:00:00+01:00"}, "before it begins"),
        ({"valid_from": "2026-11-02T00:00:00"}, "no time zone"),
        ({"valid_until": "soon"}, "not an RFC 3339 time"),
        ({"surface": "No Such"}, "is not a name"),
        ({"item_ids": ["mug", "mug"]}, "twice"),
        ({"item_ids": ["x" * 257]}, "longer than 256"),
        ({"id": ""}, "a rule id of 0 characters"),
        ({"prioritty": 1}, "unknown field `prioritty`"),
    ],
)
def test_a_rule_that_means_nothing_is_refused_by_its_name(change, problem):
    with pytest.raises(Invalid) as refused:
        read_rules(canonical([GOOD | change]))
    assert problem in refused.value.message


def test_two_rules_of_one_id_are_refused():
    with pytest.raises(Invalid, match="two rules have the id `r`"):
        read_rules(canonical([GOOD, GOOD]))


def test_rules_already_in_hand_are_checked_alike():
    assert check_rules((Rule(id="r", action="exclude", item_ids=("mug",)),))[0].action == "block"
    with pytest.raises(Invalid, match="`item_ids` is empty"):
        check_rules([{"id": "r", "action": "block"}])


def test_a_boost_of_minus_one_takes_a_score_to_zero_and_is_allowed():
    assert read_rules(canonical([GOOD | {"action": "boost", "boost_value": -1}]))[0].boost_value == -1


def test_switching_a_rule_off_and_on_gives_the_same_document():
    document = canonical_rules(canonical([GOOD, GOOD | {"id": "s"}]))
    off = with_rule_enabled(document, "r", enabled=False)
    assert [rule.enabled for rule in read_rules(off)] == [False, True]
    assert with_rule_enabled(off, "r", enabled=True) == document


def test_switching_a_rule_that_is_not_there_names_the_nearest():
    with pytest.raises(NotFound) as missing:
        with_rule_enabled(canonical([GOOD | {"id": "sale"}]), "sael", enabled=False)
    assert "did you mean `sale`?" in missing.value.next_step
