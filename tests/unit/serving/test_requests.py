import json
from pathlib import Path

import pytest

from recsys.events.checks import MAX_ID_LENGTH
from recsys.ranking.request import MAX_ANCHORS, MAX_HISTORY, MAX_IDS, MAX_TAGS
from recsys.serving.problems import Refusal
from recsys.serving.requests import read_events_body, read_recommend, read_similar


def refused(body, read=read_recommend):
    with pytest.raises(Refusal) as caught:
        read(body if isinstance(body, bytes) else json.dumps(body).encode())
    return caught.value


@pytest.mark.parametrize("body", [b"", b"{", b'{"surface":"home"', b"\xff\xfe", b'{"surface":"\xff"}', b"[" * 100_000])
def test_what_is_not_json_is_400(body):
    assert (refused(body).status, refused(body).code) == (400, "BAD_JSON")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], "array"),
        ({}, "surface"),
        ({"surface": 1}, "str"),
        ({"surface": "../etc"}, "not a name"),
        ({"surface": "home", "segment": "A B"}, "not a name"),
        ({"surface": "home", "k": 0}, ">= 1 - at `$.k`"),
        ({"surface": "home", "k": 1.5}, "int"),
        ({"surface": "home", "surfase": 1}, "unknown field `surfase`"),
        ({"surface": "home", "user": {"history": [{"item_id": "i"}] * 101}}, "length <= 100 - at `$.user.history`"),
        ({"surface": "home", "user": {"user_id": ""}}, "length >= 1"),
        ({"surface": "home", "weights": {"pop": -1}}, ">= 0.0 - at `$.weights"),
        ({"surface": "home", "constraints": {"created_after": "yesterday"}}, "RFC 3339"),
        ({"surface": "home", "candidates": {"exclude_ids": ["i"] * 10_001}}, "length <= 10000"),
        ({"surface": "home", "traffic": "robot"}, "traffic"),
        ({"surface": "home", "k": 2**60}, "at `$.k`"),
        ({"surface": "home", "anchors": {"max_anchors": 10**400}}, "at `$.anchors.max_anchors`"),
        ({"surface": "home", "constraints": {"max_per_tag": -1}}, ">= 0 - at `$.constraints.max_per_tag`"),
        ({"surface": "home", "constraints": {"required_tags": [str(n) for n in range(51)]}}, "length <= 50"),
        ({"surface": "home", "constraints": {"forbidden_tags": ["t"] * 90_000}}, "length <= 50"),
        ({"surface": "home", "constraints": {"required_tags": ["t" * 257]}}, "length <= 256"),
        ({"surface": "home", "anchors": {"item_ids": [str(n) for n in range(101)]}}, "length <= 100 - at `$.anchors"),
        ({"surface": "home", "anchors": {"item_ids": ["i" * 257]}}, "length <= 256"),
        ({"surface": "home", "candidates": {"include_ids": ["i" * 257]}}, "length <= 256"),
        (
            {"surface": "home", "user": {"history": [{"item_id": "i" * 257}]}},
            "length <= 256 - at `$.user.history[0].item_id`",
        ),
        ({"surface": "home", "user": {"user_id": "u" * 257}}, "length <= 256"),
        ({"surface": "home", "context": {"locale": "x" * 257}}, "length <= 256 - at `$.context.locale`"),
        ({"surface": "home", "algorithm": "nonsense"}, "algorithm: `nonsense` is not known"),
        ({"surface": "home", "weights": {"popp": 1}}, "weights: `popp` is not known"),
        ({"surface": "home", "weights": {"pop": 1e7}}, "<= 1000000.0 - at `$.weights"),
        ({"surface": "home", "user": {"history": [{"item_id": "i", "ts": "yesterday"}]}}, "user.history[0].ts"),
    ],
)
def test_json_that_means_nothing_is_422_and_says_where(body, says):
    refusal = refused(body)
    assert refusal.status == 422
    assert says in refusal.detail


def test_a_misspelt_field_suggests_the_right_one():
    assert "did you mean `surface`?" in refused({"surfase": "home"}).next_step


def test_a_misspelt_algorithm_or_signal_suggests_the_right_one():
    assert refused({"surface": "home", "algorithm": "popularty"}).next_step == "did you mean `popularity`?"
    assert refused({"surface": "home", "weights": {"popularty": 1}}).next_step == "did you mean `popularity`?"


def test_what_a_list_says_twice_is_looked_up_once():
    twice = {
        "surface": "home",
        "candidates": {"include_ids": ["b", "a", "b"], "exclude_ids": ["c"] * 10_000},
        "constraints": {"required_tags": ["t", "u", "t"], "forbidden_tags": ["v", "v"]},
    }
    for request in (
        read_recommend(json.dumps(twice).encode()),
        read_similar(json.dumps(twice | {"item_id": "i"}).encode()),
    ):
        assert request.candidates.include_ids == ("b", "a")
        assert request.candidates.exclude_ids == ("c",)
        assert request.constraints.required_tags == ("t", "u")
        assert request.constraints.forbidden_tags == ("v",)


def test_the_bounds_of_a_request_are_in_the_reference():
    page = (Path(__file__).parents[3] / "docs" / "reference" / "api.md").read_text().split("## Every route")[0]
    for field, most in (
        ("required_tags", MAX_TAGS),
        ("anchors.item_ids", MAX_ANCHORS),
        ("exclude_ids", MAX_IDS),
        ("user.history", MAX_HISTORY),
    ):
        (row,) = [line for line in page.splitlines() if line.startswith("|") and f"`{field}`" in line]
        assert f"{most:,}" in row
    assert f"{MAX_ID_LENGTH} characters" in page


def test_nesting_without_end_is_refused_and_not_followed():
    deep = b'{"surface":"home","context":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}"
    assert refused(deep).status in (400, 422)


def test_similar_needs_an_item():
    assert refused({"surface": "home", "item_id": ""}, read_similar).status == 422
    assert read_similar(b'{"surface":"home","item_id":"i"}').item_id == "i"


EVENT = {"ts": "2026-11-22T12:00:00Z", "item_id": "i", "event_type": "click", "event_id": "e"}


def test_an_event_with_a_request_is_an_outcome_and_any_other_an_interaction():
    outcome, interaction, cart = read_events_body(
        json.dumps(
            [{**EVENT, "request_id": "r"}, EVENT, {**EVENT, "request_id": "r", "event_type": "add_to_cart"}]
        ).encode()
    )
    assert [type(one).__name__ for one in (outcome, interaction, cart)] == [
        "Outcome",
        "Interaction",
        "Interaction",
    ]


def test_one_event_needs_no_list():
    assert len(read_events_body(json.dumps(EVENT).encode())) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"event_id": None}, "no event_id"),
        ({"event_id": ""}, "event_id is empty"),
        ({"item_id": "i" * 257}, "item_id has 257 characters"),
        ({"item_id": "a\0b"}, "item_id holds a NUL"),
        ({"user_id": "u" * 257}, "user_id has 257 characters"),
        ({"event_type": ""}, "event_type is empty"),
        ({"quantity": -1}, "quantity is -1"),
        ({"value": 1e13}, "value is 1e+13"),
        ({"value": -1e308}, "value is"),
        ({"rank": 0}, "rank is 0"),
        ({"rank": 10**400}, "rank"),
        ({"rank": 1_000_001}, "rank is"),
        ({"ts": "20261120T080000Z"}, "RFC 3339"),
        ({"ts": "2026-11-20T08:00Z"}, "RFC 3339"),
        ({"ts": "2026-11-20"}, "time zone"),
        ({"ts": "12:00"}, "RFC 3339"),
        ({"ts": "2026-11-22T12:00:00"}, "time zone"),
        ({"item_id": ""}, "item_id"),
        ({"user_id": ""}, "user_id"),
        ({"itemid": "i"}, "unknown field"),
    ],
)
def test_a_bad_event_is_named_by_its_place(change, says):
    refusal = refused([EVENT, {**EVENT, **change}], read_events_body)
    assert refusal.status == 422
    assert "event 1" in refusal.detail
    assert says in refusal.detail


def test_a_thousand_events_are_taken_and_no_more():
    assert len(read_events_body(json.dumps([EVENT] * 1000).encode())) == 1000
    assert refused([EVENT] * 1001, read_events_body).status == 422
    assert refused([], read_events_body).status == 422
