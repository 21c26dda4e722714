"""The client's words are those of the service, and a newer service does not break it."""

import re
import typing

import msgspec
import pytest

from recsys import client, ranking
from recsys.client import answers, asking
from recsys.events import Interaction, Outcome
from recsys.events.checks import check_event
from recsys.ranking import request as served
from recsys.serving.answering import Meta
from recsys.serving.batching import BatchRequest, ListRequest
from recsys.serving.problems import Problem
from recsys.serving.requests import read_events_body

ASKED = [
    (asking.HistoryEvent, served.HistoryEvent),
    (asking.User, served.User),
    (asking.Context, served.Context),
    (asking.Anchors, served.Anchors),
    (asking.Candidates, served.Candidates),
    (asking.Constraints, served.Constraints),
    (asking.Options, served.Options),
    (asking.AskedExperiment, served.AskedExperiment),
    (asking.RecommendRequest, served.RecommendRequest),
    (asking.SimilarRequest, served.SimilarRequest),
    (asking.ListRequest, ListRequest),
    (asking.BatchRequest, BatchRequest),
]
ANSWERED = [
    (client.Ranked, ranking.Ranked),
    (client.Explain, served.Explain),
    (client.Notice, ranking.Warning),
    (client.Meta, Meta),
]


def _fields(kind):
    """Name, type and default of every field; the words of the two rooms have the same names."""
    hints = typing.get_type_hints(kind)
    return {f.name: (_said(hints[f.name]), repr(f.default)) for f in msgspec.structs.fields(kind)}


def _said(hint):
    """Say a type without the room it stands in."""
    text = re.sub(r"recsys\.[a-z.]+\.(?=[A-Z])", "", str(hint))
    return re.sub(r"typing\.Optional\[(.*)\]$", r"\1 | None", text)


@pytest.mark.parametrize(("ours", "theirs"), ASKED, ids=lambda kind: kind.__name__)
def test_what_is_asked_has_the_fields_types_and_defaults_that_the_service_reads(ours, theirs):
    assert _fields(ours) == _fields(theirs)


@pytest.mark.parametrize(("ours", "theirs"), ANSWERED, ids=lambda kind: kind.__name__)
def test_an_answer_has_the_fields_that_the_service_writes(ours, theirs):
    assert set(ours.__struct_fields__) == set(theirs.__struct_fields__)


def test_a_problem_is_one_that_the_service_writes():
    assert set(answers.Problem.__struct_fields__) <= set(Problem.__struct_fields__)


@pytest.mark.parametrize("kind", [Outcome, Interaction])
def test_an_event_is_an_outcome_or_an_interaction(kind):
    assert set(client.Event.__struct_fields__) == set(kind.__struct_fields__) - {"key_id"}


def test_an_event_made_of_the_least_is_one_that_the_service_takes():
    event = client.Event(item_id="i1", event_type="click")
    (read,) = read_events_body(msgspec.json.encode(event))
    check_event(read, what="event")
    assert read.event_id == event.event_id


def test_ids_are_uuid7_and_sort_by_time(monkeypatch):
    ids = []
    for now in (1.0, 2.0, 1e9):
        monkeypatch.setattr("time.time_ns", lambda now=now: int(now * 1e9))
        ids.append(asking.uuid7())
    assert ids == sorted(ids)
    assert all(one[14] == "7" and one[19] in "89ab" and len(one) == 36 for one in ids)
    assert ids[0].startswith("00000000-03e8-7")
    assert len({asking.uuid7() for _ in range(1000)}) == 1000


def test_what_a_newer_service_adds_is_ignored():
    body = b"""{"items":[{"item_id":"a","rank":1,"score":1.5,"new":1,"explain":{"signals":{},"new":[]}}],"new":{},
      "meta":{"surface":"home","rung":"a new rung","request_id":"r","generation":4,"new":1},
      "warnings":[{"code":"NEW","detail":"","new":1}]}"""
    answer = msgspec.json.decode(body, type=client.Answer)
    assert (answer.item_ids, answer.meta.rung, answer.warnings[0].code) == (("a",), "a new rung", "NEW")


def test_an_argument_that_is_not_known_is_an_error():
    with client.Client("http://127.0.0.1:1", api_key="k") as service:
        with pytest.raises(TypeError, match="surfce"):
            service.recommend(surfce="home")
        with pytest.raises(TypeError):
            service.recommend("home")
    with pytest.raises(TypeError, match="user"):
        client.User(user="u1")
