"""What one worker answers and records, without the server around it."""

import asyncio
import json

import pytest
from tests.integration.serving.shops import Shop, until

from recsys.access import load_directory
from recsys.encoding import decode
from recsys.events import Exposure
from recsys.serving import answering
from recsys.serving.counters import Counters
from recsys.serving.desk import Desk
from recsys.serving.follower import Follower
from recsys.serving.host_state import Places, read_host_state
from recsys.serving.hosted import Hosted


class Book:
    """Records lines in memory; ``takes`` says whether the disk does."""

    problem = ""

    def __init__(self):
        self.lines = []
        self.takes = True

    async def append(self, tenant, stream, line):
        if self.takes:
            self.lines.append(line)
        return self.takes


class Counter:
    """A desk over a shop that one follower has prepared."""

    def __init__(self, shop):
        follower = Follower(shop.settings(), run="r1")

        def followed():
            follower.step()
            state = read_host_state(shop.root / "host" / "host.json")
            return state and state.tenants["demo"].generation == 2

        until(followed, "the follower")
        hosted = Hosted(Places(shop.root / "host"), run="r1")
        hosted.take_over()
        self.shop = shop
        self.book = Book()
        self.desk = Desk(
            settings=shop.settings(confirm_s=1000.0),
            hosted=hosted,
            counters=Counters(shop.root / "counters"),
            exposures=self.book,
            outcomes=self.book,
        )

    def post(self, path, body):
        async def read_body():
            return json.dumps(body).encode()

        reply = asyncio.run(self.desk.handle("POST", path, {"x-api-key": self.shop.client}.get, read_body))
        return reply.status, json.loads(reply.body)

    def recommend(self, **body):
        return self.post("/v1/recommend", {"surface": "home", "k": 5, **body})

    def exposures(self):
        return [decode(line, Exposure, what="line") for line in self.book.lines]

    @property
    def pseudonyms(self):
        return load_directory(self.shop.store).tenant("demo").pseudonyms


@pytest.fixture
def counter(tmp_path):
    shop = Shop(tmp_path)
    shop.ship("a")
    return Counter(shop)


def break_ranking(monkeypatch, error):
    def broken(*_args, **_named):
        raise error

    monkeypatch.setattr(answering, "recommend", broken)
    monkeypatch.setattr(answering, "similar", broken)


def test_when_ranking_fails_on_a_live_release_the_floor_answers(counter, monkeypatch):
    break_ranking(monkeypatch, RuntimeError("a mistake of ours"))
    for path, body in (("/v1/recommend", {}), ("/v1/similar", {"item_id": "a-000"})):
        status, answer = counter.post(path, {"surface": "home", "k": 5, **body})
        assert status == 200
        assert len(answer["items"]) == 5
        assert answer["meta"]["rung"] == "floor"
        assert "FALLBACK_FLOOR" in {warning["code"] for warning in answer["warnings"]}
    first = counter.exposures()[0]
    assert first.context["rung"] == "floor"
    assert first.context["generation"] == str(first.decision.generation) == "2"


def test_what_the_ranking_refuses_of_a_request_is_422_and_no_answer(counter, monkeypatch):
    from recsys.encoding import Invalid

    break_ranking(monkeypatch, Invalid("request", "it means nothing"))
    status, problem = counter.recommend()
    assert (status, problem["code"]) == (422, Invalid.code)
    assert counter.book.lines == []


@pytest.mark.parametrize(
    "body",
    [
        {"algorithm": "nonsense"},
        {"user": {"history": [{"item_id": "a-001", "ts": "yesterday"}]}},
        {"weights": {"popp": 1}},
    ],
)
def test_a_request_that_means_nothing_is_not_a_failed_ranking(counter, body):
    status, _ = counter.recommend(**body)
    assert status == 422
    assert counter.book.lines == []


def test_answers_that_were_not_recorded_are_not_forgotten_by_a_request_that_fails(counter, monkeypatch):
    counter.book.takes = False
    counter.recommend()
    counter.recommend()
    counter.book.takes = True
    with monkeypatch.context() as patched:
        patched.setattr(answering, "_encode", lambda _value: 1 / 0)
        assert counter.recommend()[0] == 500
    counter.recommend()
    counter.recommend()
    assert [one.context["unrecorded"] for one in counter.exposures()] == ["2", "0"]
