"""Several lists for one page."""

import asyncio
import json

import pytest
from tests.integration.serving.shops import Shop
from tests.unit.serving.test_desk import Counter

from recsys.encoding import convert
from recsys.ranking import RecommendRequest
from recsys.ranking.request import MAX_IDS
from recsys.serving.answering import answer_digest
from recsys.serving.batching import MAX_LISTS, without
from recsys.serving.problems import Refusal
from recsys.snapshot import recommend


@pytest.fixture
def counter(tmp_path):
    shop = Shop(tmp_path)
    shop.ship("a")
    return Counter(shop)


def batch(counter, *requests, **more):
    asked = [{"surface": "home", "k": 5, **request} for request in requests]
    return counter.post("/v1/recommend/batch", {"requests": asked, **more})


def ids(answer):
    return [item["item_id"] for item in answer["items"]]


def test_answers_come_in_order_with_their_names_from_one_release(counter):
    status, body = batch(counter, {"name": "top", "k": 2}, {"k": 3}, {"name": "side", "k": 1})
    assert status == 200
    assert [answer.get("name") for answer in body["answers"]] == ["top", None, "side"]
    assert [len(answer["items"]) for answer in body["answers"]] == [2, 3, 1]
    assert {answer["meta"]["generation"] for answer in body["answers"]} == {2}


def test_with_dedupe_no_item_stands_in_two_lists_and_without_it_the_lists_are_what_they_would_be_alone(counter):
    _, body = batch(counter, {}, {}, {"k": 3}, dedupe=True)
    shown = [item for answer in body["answers"] for item in ids(answer)]
    assert len(shown) == len(set(shown)) == 13
    _, plain = batch(counter, {}, {})
    assert ids(plain["answers"][0]) == ids(plain["answers"][1]) == ids(counter.recommend()[1])


def test_a_pinned_item_stands_in_the_first_list_alone(counter):
    rule = [{"id": "p", "action": "pin", "item_ids": ["a-029"]}]
    counter.follow(counter.shop.releases.put_rules(json.dumps(rule).encode()).release.generation)
    _, body = batch(counter, {}, {}, dedupe=True)
    first, second = (ids(answer) for answer in body["answers"])
    assert first[0] == "a-029"
    assert "a-029" not in second


def test_each_list_is_an_exposure_of_its_own_that_replays_exactly(counter):
    _, body = batch(counter, {"user": {"user_id": "ann"}}, {"candidates": {"exclude_ids": ["a-020"]}}, dedupe=True)
    exposures = counter.exposures()
    assert [one.request_id for one in exposures] == [answer["meta"]["request_id"] for answer in body["answers"]]
    assert len({one.request_id for one in exposures}) == 2
    assert exposures[1].decision.request["candidates"]["exclude_ids"] == ["a-020", *ids(body["answers"][0])]
    snapshot = counter.hosted.view("demo").snapshot
    for exposure in exposures:
        request = convert(dict(exposure.decision.request), RecommendRequest, what="record")
        again = recommend(snapshot, request, now=exposure.decision.now)
        assert answer_digest(again.items) == exposure.decision.answer


def test_one_bad_list_refuses_the_whole_and_nothing_is_recorded(counter):
    status, problem = batch(counter, {}, {"algorithm": "nonsense"})
    assert (status, problem["code"]) == (422, "INVALID")
    assert problem["detail"].startswith("requests[1]: ")
    assert batch(counter, {}, {"context": {"now": "2026-11-22T00:00:00Z"}})[0] == 403
    assert batch(counter, *[{}] * (MAX_LISTS + 1))[0] == 422
    assert batch(counter)[0] == 422
    assert counter.book.lines == []


def test_others_have_their_turn_between_two_lists(counter):
    asked = json.dumps({"requests": [{"surface": "home"}] * 5}).encode()
    turns = 0

    async def read_body():
        return asked

    async def both():
        nonlocal turns
        task = asyncio.ensure_future(
            counter.desk.handle("POST", "/v1/recommend/batch", {"x-api-key": counter.shop.client}.get, read_body)
        )
        while not task.done():
            await asyncio.sleep(0)
            turns += 1
        return task.result()

    assert asyncio.run(both()).status == 200
    assert turns >= 5


def test_lists_that_were_not_recorded_are_told_by_the_next_line(counter):
    counter.book.takes = False
    batch(counter, {}, {}, {})
    counter.book.takes = True
    batch(counter, {}, {})
    assert [one.context["unrecorded"] for one in counter.exposures()] == ["0", "3"]


def test_more_exclusions_than_a_request_may_have_are_refused():
    with pytest.raises(Refusal, match="at most"):
        without(RecommendRequest(surface="home"), [str(number) for number in range(MAX_IDS + 1)])
