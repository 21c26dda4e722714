"""Which list stands in for the service, and whose answers are never kept for others."""

import pytest

from recsys.client import (
    Anchors,
    Answer,
    Candidates,
    Context,
    HistoryEvent,
    Meta,
    Options,
    Ranked,
    RecommendRequest,
    User,
)
from recsys.client.fallback import MOST_KEPT, Fallback


def answer(*ids, rung="live"):
    items = tuple(Ranked(item_id=item, rank=rank, score=1 / rank) for rank, item in enumerate(ids, start=1))
    meta = Meta(surface="home", rung=rung, request_id="r1", generation=7, config_version="sha256:c", counts={"n": 1})
    return Answer(items=items, meta=meta)


def asked(**fields):
    return RecommendRequest(**{"surface": "home", **fields})


def test_a_given_list_says_that_this_program_answered():
    spare = Fallback({"home": ["a", "b", "c"]}).answer(asked(k=2), why="no answer within 1 s")
    assert spare is not None
    assert [(item.item_id, item.rank) for item in spare.items] == [("a", 1), ("b", 2)]
    assert (spare.meta.rung, spare.meta.request_id, spare.meta.generation) == ("client", None, None)
    (warning,) = spare.warnings
    assert (warning.code, warning.detail) == ("FALLBACK_CLIENT", "the given list answers: no answer within 1 s")


def test_a_list_leaves_out_what_the_request_leaves_out_and_what_is_shown():
    request = asked(candidates=Candidates(include_ids=("a", "c", "d"), exclude_ids=("a",)))
    spare = Fallback({"home": ["a", "b", "c", "d"]}).answer(request, why="", shown=["d"])
    assert spare is not None
    assert spare.item_ids == ("c",)
    assert spare.items[0].rank == 1


def test_an_answer_for_nobody_stands_in_for_everybody():
    lists = Fallback({})
    lists.keep(asked(k=3), answer("a", "b", "c"))
    spare = lists.answer(asked(k=2, user=User(user_id="u1"), options=Options(explain="full")), why="cut")
    assert spare is not None
    assert spare.item_ids == ("a", "b")
    assert (spare.meta.rung, spare.meta.request_id) == ("client", None)
    assert (spare.meta.generation, spare.meta.config_version) == (7, "sha256:c")


@pytest.mark.parametrize(
    "personal",
    [
        {"user": User(user_id="u1")},
        {"user": User(session_id="s1")},
        {"user": User(history=(HistoryEvent(item_id="a"),))},
        {"anchors": Anchors(item_ids=("a",))},
        {"candidates": Candidates(exclude_ids=("a",))},
    ],
)
def test_an_answer_to_a_person_is_never_kept(personal):
    lists = Fallback({})
    lists.keep(asked(**personal), answer("private"))
    assert lists.answer(asked(**personal), why="") is None
    assert lists.answer(asked(), why="") is None


def test_another_place_country_or_segment_is_another_question():
    lists = Fallback({})
    lists.keep(asked(), answer("a"))
    assert lists.answer(asked(surface="cart"), why="") is None
    assert lists.answer(asked(segment="new_users"), why="") is None
    assert lists.answer(asked(context=Context(country="CH")), why="") is None


def test_an_empty_answer_does_not_replace_a_good_one():
    lists = Fallback({})
    lists.keep(asked(), answer("a"))
    lists.keep(asked(), answer())
    spare = lists.answer(asked(), why="")
    assert spare is not None
    assert spare.item_ids == ("a",)


def test_memory_keeps_the_newest_questions_only():
    lists = Fallback({})
    for number in range(MOST_KEPT + 1):
        lists.keep(asked(surface=f"s{number}"), answer("a"))
    assert lists.answer(asked(surface="s0"), why="") is None
    assert lists.answer(asked(surface="s1"), why="") is not None
