"""What one worker answers and records, without the server around it."""

import asyncio
import json

import pytest
from tests.integration.serving.shops import Shop, until

from recsys.access import load_directory
from recsys.encoding import decode
from recsys.events import Exposure, Interaction, Outcome
from recsys.releases import erase_users
from recsys.serving import answering
from recsys.serving.counters import Counters
from recsys.serving.desk import Desk
from recsys.serving.follower import Follower
from recsys.serving.host_state import Places, read_host_state
from recsys.serving.hosted import Hosted


class Book:
    """Records lines in memory, those of assignments apart; ``takes`` says whether the disk does."""

    problem = ""

    def __init__(self):
        self.lines = []
        self.assigned = []
        self.takes = True

    async def append(self, tenant, stream, line):
        if self.takes:
            (self.assigned if stream == "assignments" else self.lines).append(line)
        return self.takes


class Counter:
    """A desk over a shop that one follower has prepared."""

    def __init__(self, shop):
        self.shop = shop
        self.follower = Follower(shop.settings(), run="r1")
        self.hosted = hosted = Hosted(Places(shop.root / "host"), run="r1")
        self.follow(shop.releases.current().generation)
        self.book = Book()
        self.desk = Desk(
            settings=shop.settings(confirm_s=1000.0),
            hosted=hosted,
            counters=Counters(shop.root / "counters"),
            exposures=self.book,
            outcomes=self.book,
        )

    def follow(self, generation):
        def followed():
            self.follower.step()
            state = read_host_state(self.shop.root / "host" / "host.json")
            return state and state.tenants["demo"].generation == generation

        until(followed, "the follower")
        self.hosted.take_over()

    def erase(self, *raw_ids):
        change = erase_users(self.shop.releases, self.pseudonyms.of_many(raw_ids), reason="asked for it")
        self.follow(change.release.generation)

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


@pytest.mark.parametrize(
    ("user", "unit_type"),
    [
        ({"anonymous_id": "x", "user_id": "ann", "session_id": "s"}, "anonymous_id"),
        ({"user_id": "x", "session_id": "s"}, "user_id"),
        ({"session_id": "x"}, "session_id"),
    ],
)
def test_an_exposure_names_the_unit_that_statistics_count_by_its_pseudonym(counter, user, unit_type):
    counter.recommend(user=user)
    (exposure,) = counter.exposures()
    assert exposure.context["unit_type"] == unit_type
    assert exposure.context["unit_id"] == counter.pseudonyms.of("x")
    assert exposure.key_id == counter.pseudonyms.key_id
    assert exposure.context["surface"] == "home"


def test_where_nobody_is_told_there_is_no_unit(counter):
    counter.recommend()
    counter.post("/v1/similar", {"surface": "home", "item_id": "a-000"})
    for exposure in counter.exposures():
        assert exposure.context.keys().isdisjoint({"unit_id", "unit_type"})
        assert exposure.key_id is None


def test_one_answer_lends_its_unit_to_no_other(counter):
    for user in ({"user_id": "ann"}, {}, {"user_id": "bob"}):
        counter.recommend(user=user)
    of = counter.pseudonyms.of
    assert [one.context.get("unit_id") for one in counter.exposures()] == [of("ann"), None, of("bob")]


@pytest.mark.parametrize("known_as", ["user_id", "anonymous_id", "session_id"])
def test_an_erased_user_is_answered_and_recorded_as_nobody(counter, known_as):
    history = [{"item_id": "a-000"}]  # its neighbours a-001… would stand first
    asked = {"user": {"user_id": "bob", known_as: "ann", "history": history}, "algorithm": "cooc"}
    _, before = counter.recommend(**asked)
    _, of_nobody = counter.recommend(algorithm="cooc")
    assert before["items"] != of_nobody["items"]
    counter.erase("ann")
    _, after = counter.recommend(**asked)
    assert after["items"] == of_nobody["items"]
    line = counter.book.lines[-1]
    assert b"user" not in line.replace(b'"traffic":"user"', b"")
    assert not any(one.encode() in line for one in ("history", "unit", "key_id", counter.pseudonyms.of("bob")))
    counter.recommend(user={"user_id": "bob", "history": history})
    assert counter.exposures()[-1].user_id == counter.pseudonyms.of("bob")


def test_what_an_erased_user_does_is_kept_as_nobodys(counter):
    counter.erase("ann")
    done = {"item_id": "a-001", "ts": "2026-11-22T08:00:00Z"}
    events = [
        {**done, "event_id": "1", "request_id": "r1", "event_type": "click", "user_id": "ann", "session_id": "s"},
        {**done, "event_id": "2", "event_type": "cart", "anonymous_id": "ann"},
        {**done, "event_id": "3", "event_type": "cart", "user_id": "bob"},
    ]
    assert counter.post("/v1/events", events)[0] == 200
    lines = b"".join(counter.book.lines).splitlines()
    of_ann = decode(lines[0], Outcome, what="line"), decode(lines[1], Interaction, what="line")
    assert [(one.event_id, one.user_id, one.anonymous_id, one.session_id, one.key_id) for one in of_ann] == [
        ("1", None, None, None, None),
        ("2", None, None, None, None),
    ]
    assert decode(lines[2], Interaction, what="line").user_id == counter.pseudonyms.of("bob")


def test_a_decision_says_which_route_was_asked(counter):
    counter.recommend()
    counter.post("/v1/similar", {"surface": "home", "item_id": "a-000"})
    assert [one.decision.kind for one in counter.exposures()] == ["recommend", "similar"]


def test_one_anonymous_visitor_with_twenty_requests_is_one_unit_of_evaluation(counter, tmp_path):
    from recsys.evaluation import evaluate

    for _ in range(20):
        counter.recommend(user={"anonymous_id": "somebody"})
    exposures, outcomes = tmp_path / "exposures.jsonl", tmp_path / "outcomes.jsonl"
    exposures.write_bytes(b"".join(counter.book.lines))
    lines = [
        {"request_id": one.request_id, "item_id": one.items[0].item_id, "event_type": "click", "ts": one.ts}
        for one in counter.exposures()
    ]
    outcomes.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = evaluate(
        dataset={
            "exposures": {"type": "jsonl", "path": str(exposures)},
            "outcomes": {"type": "jsonl", "path": str(outcomes)},
        },
        config={"offline": {"metrics": [{"name": "ctr"}]}},
        allow_no_baseline=True,
    )
    counted = {(one.requests, one.units) for one in report.offline.metrics}
    assert counted == {(20, 1)}
