"""What a visitor did is in their next answer, whichever worker gives it, and in its record."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.integration.serving.shops import Shop, served, until

from recsys.access import load_directory
from recsys.events import Exposure, read_spool
from recsys.pipelines import run
from recsys.ranking import RecommendRequest
from recsys.releases import erase_users
from recsys.serving.answering import answer_digest
from recsys.snapshot import open_release, recommend


def click(number, **ids):
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {"item_id": "a-000", "event_type": "click", "ts": now, "event_id": f"e{number}", **ids}


def recorded(shop, answer):
    request_id = answer.json["meta"]["request_id"]
    return next(
        one for one in read_spool(shop.root / "host" / "spool", Exposure, tenant="demo") if one.request_id == request_id
    )


def all_listen(service):
    """Wait until every worker hears what the others are told: one that starts later has no part of it."""
    tails = service.process.places.tails
    until(lambda: tails.is_dir() and len(list(tails.iterdir())) == 2, "both workers to listen")


def every_answer(service, user, holds, what):
    """Wait until sixteen answers in a row hold, so that every worker gave some of them."""

    def all_hold():
        answers = [service.recommend(user=user) for _ in range(16)]
        return answers if all(map(holds, answers)) else None

    return until(all_hold, what)


def uses_history(answer):
    return "HISTORY_BEST_EFFORT" in answer.warnings


@pytest.mark.long
def test_what_was_posted_to_one_worker_is_in_the_answers_of_all_and_recorded(shop):
    with served(shop) as service:
        service.answers_from(2)
        all_listen(service)
        user = {"user_id": "ann", "session_id": "s1"}
        before = service.recommend(user=user)
        assert not uses_history(before)
        assert "a-000" in {item["item_id"] for item in before.json["items"]}
        assert service.post("/v1/events", click(1, **user)).status == 200
        answers = every_answer(service, user, uses_history, "the event in every answer")
        assert all("a-000" not in {item["item_id"] for item in one.json["items"]} for one in answers)
        assert not uses_history(service.recommend(user={"user_id": "bob"}))
        visit = service.recommend(user={"session_id": "s1"})
        own = service.recommend(user={**user, "history": [{"item_id": "a-007"}]})
        decision = recorded(shop, answers[0]).decision
        assert decision.history_from == ("tail",)
        assert [event["item_id"] for event in decision.request["user"]["history"]] == ["a-000"]
        assert uses_history(visit)
        assert not uses_history(own)
        assert recorded(shop, own).decision.history_from == ("request",)
        assert recorded(shop, before).decision.history_from == ()
        assert b"ann" not in msgspec.json.encode(decision)
    snapshot = open_release(shop.store, "demo", generation=2, root=shop.root / "replay")
    for answer in (before, *answers, visit, own):
        decision = recorded(shop, answer).decision
        again = recommend(snapshot, msgspec.convert(decision.request, RecommendRequest), now=decision.now)
        assert answer_digest(again.items) == decision.answer


def test_after_an_erasure_no_source_is_used_of_them_nor_of_the_browser_they_used(shop):
    with served(shop) as service:
        service.answers_from(2)
        all_listen(service)
        user = {"user_id": "ann", "anonymous_id": "browser"}
        assert service.post("/v1/events", [click(1, **user), click(2, user_id="bob")]).status == 200
        for one in (user, {"anonymous_id": "browser"}, {"user_id": "bob"}):
            every_answer(service, one, uses_history, "the event in every answer")
        pseudonyms = load_directory(shop.store).tenant("demo").pseudonyms
        erased = erase_users(shop.releases, [pseudonyms.of("ann")], reason="asked for it")
        service.answers_from(erased.release.generation)
        for one in (user, {"anonymous_id": "browser"}):
            every_answer(service, one, lambda answer: not uses_history(answer), "no history")
        every_answer(service, {"user_id": "bob"}, uses_history, "another's history")
        assert service.post("/v1/events", click(3, **user)).status == 200
        assert service.post("/v1/events", click(4, user_id="cyd")).status == 200
        every_answer(service, {"user_id": "cyd"}, uses_history, "an event after it")
        last = every_answer(service, user, lambda answer: not uses_history(answer), "no history")[-1]
        user_of = recorded(shop, last).decision.request.get("user", {})
        assert user_of == {}


@pytest.mark.long
def test_a_worker_that_begins_again_has_no_tail_and_answers(shop):
    user = {"user_id": "ann"}
    with served(shop, workers=1) as service:
        service.answers_from(2)
        service.post("/v1/events", click(1, **user))
        every_answer(service, user, uses_history, "the event in every answer")
    with served(shop, workers=1) as service:
        service.answers_from(2)
        assert not uses_history(service.recommend(user=user))
        service.post("/v1/events", click(2, **user))
        every_answer(service, user, uses_history, "the event in every answer")


@pytest.mark.long
def test_profiles_of_the_pipelines_are_recommended_from_and_replayed_until_an_erasure(tmp_path):
    shop = Shop(tmp_path)
    today = datetime.now(UTC).date()
    taken = [("ann", "x"), ("ann", "y"), *((f"u{n}", item) for n in range(4) for item in "xz")]
    taken += [(f"v{n}", "popular") for n in range(9)]
    rows = [
        {
            "ts": f"{today - timedelta(days=1)}T10:00:0{n % 10}Z",
            "item_id": item,
            "event_type": "purchase",
            "user_id": who,
        }
        for n, (who, item) in enumerate(taken)
    ]
    events = tmp_path / "events.jsonl"
    events.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = run(Target(shop.store), surface="home", events=events, start=today - timedelta(days=2), end=today)
    with served(shop) as service:
        service.answers_from(report.generation)
        known = service.recommend(user={"user_id": "ann"}, k=1)
        stranger = service.recommend(user={"user_id": "bob"}, k=1)
        decision = recorded(shop, known).decision
        assert [item["item_id"] for item in known.json["items"]] == ["z"]
        assert [item["item_id"] for item in stranger.json["items"]] == ["popular"]
        assert not uses_history(known)
        assert decision.history_from == ("profile",)
        assert [event["item_id"] for event in decision.request["user"]["history"]] == ["y", "x"]
        pseudonyms = load_directory(shop.store).tenant("demo").pseudonyms
        erased = erase_users(shop.releases, [pseudonyms.of("ann")], reason="asked for it").release.generation
        service.answers_from(erased)
        gone = service.recommend(user={"user_id": "ann"}, k=1)
        assert [item["item_id"] for item in gone.json["items"]] == ["popular"]
        assert recorded(shop, gone).decision.history_from == ()
    snapshot = open_release(shop.store, "demo", generation=report.generation, root=tmp_path / "replay")
    for answer in (known, stranger):
        decision = recorded(shop, answer).decision
        again = recommend(snapshot, msgspec.convert(decision.request, RecommendRequest), now=decision.now)
        assert answer_digest(again.items) == decision.answer


class Target:
    """Where the pipelines publish."""

    tenant = "demo"

    def __init__(self, store):
        self.store = store
