"""What was shown and done is in the files, whatever happens."""

import json
import os
import signal
import threading
import time

import pytest
from tests.integration.serving.shops import served, until

from recsys.access import load_directory
from recsys.events import Exposure, Interaction, Outcome, event_files, read_events, read_spool

TS = "2026-11-22T12:00:00Z"


def click(number, request_id="r", **more):
    return {
        "request_id": request_id,
        "item_id": f"a-{number % 30:03d}",
        "event_type": "click",
        "ts": TS,
        "event_id": f"e{number}",
        **more,
    }


def recorded(shop, kind, **options):
    return list(read_spool(shop.root / "host" / "spool", kind, tenant="demo", **options))


def test_an_answer_is_in_the_exposures_with_all_that_a_replay_needs(shop):
    with served(shop) as service:
        service.answers_from(2)
        answer = service.recommend(
            user={"user_id": "ann", "session_id": "s1"}, traffic="internal", options={"explain": "summary"}
        )
        request_id = answer.json["meta"]["request_id"]
        (shown,) = [one for one in recorded(shop, Exposure) if one.request_id == request_id]
    pseudonyms = load_directory(shop.store).tenant("demo").pseudonyms
    assert shown.user_id == pseudonyms.of("ann")
    assert shown.key_id == pseudonyms.key_id
    assert [(item.item_id, item.rank) for item in shown.items] == [
        (item["item_id"], item["rank"]) for item in answer.json["items"]
    ]
    assert shown.context["traffic"] == "internal"
    assert shown.context["manifest_version"] == answer.json["meta"]["manifest_version"]
    assert set(shown.context) >= {"tenant_id", "surface", "generation", "config_version", "rules_version", "rung"}
    assert shown.decision is not None
    assert shown.decision.generation == 2
    assert shown.decision.request["user"]["user_id"] == pseudonyms.of("ann")


def test_no_raw_id_is_in_any_file_of_the_host_or_the_store(shop):
    with served(shop, spool_rotate_s=0.2) as service:
        service.answers_from(2)
        service.recommend(user={"user_id": "secret-user", "anonymous_id": "secret-anon", "session_id": "secret-s"})
        ids = {"user_id": "secret-user", "anonymous_id": "secret-anon", "session_id": "secret-s"}
        assert service.post("/v1/events", [click(1, **ids), {**click(2, **ids), "event_type": "like"}]).status == 200
    for path in shop.root.rglob("*"):
        if path.is_file():
            assert b"secret-" not in path.read_bytes(), path


def test_an_answer_can_be_computed_again_from_its_decision_record(shop):
    from recsys.ranking import RecommendRequest
    from recsys.serving.answering import answer_digest
    from recsys.snapshot import open_release, recommend

    with served(shop) as service:
        service.answers_from(2)
        service.recommend(k=7, user={"user_id": "ann"}, candidates={"exclude_ids": ["a-001"]})
        service.recommend(k=7, options={"explain": "full", "include_reasons": True})
    import msgspec

    snapshot = open_release(shop.store, "demo", generation=2, root=shop.root / "replay")
    decisions = [one.decision for one in recorded(shop, Exposure)]
    assert len(decisions) >= 10
    # While the first release was being loaded the floor may have answered: it is another list, and says so.
    from_release = [decision for decision in decisions if decision.rung != "floor"]
    assert len(from_release) >= 2
    for decision in from_release:
        request = msgspec.convert(decision.request, RecommendRequest)
        again = recommend(snapshot, request, now=decision.now)
        assert answer_digest(again.items) == decision.answer


def test_an_event_sent_twice_is_acknowledged_twice_and_read_once(shop):
    with served(shop) as service:
        service.answers_from(2)
        for _ in range(2):
            answer = service.post("/v1/events", [click(1), click(2)])
            assert (answer.status, answer.json) == (200, {"accepted": 2})
        assert service.post("/v1/events", {**click(3), "request_id": None, "event_type": "wishlist"}).status == 200
    assert sorted(one.event_id for one in recorded(shop, Outcome)) == ["e1", "e2"]
    assert [one.event_id for one in recorded(shop, Interaction)] == ["e3"]


@pytest.mark.long
def test_a_service_killed_under_load_has_every_acknowledged_event_exactly_once(shop):
    acknowledged: set[str] = set()
    answered: set[str] = set()
    with served(shop) as service:
        service.answers_from(2)
        url = service.process.base_url
        stop = threading.Event()

        def post(first: int) -> None:
            """Post without trying again: what is acknowledged once must be there once."""
            import http.client

            host = url.removeprefix("http://")
            number = first
            while not stop.is_set():
                number += 16
                try:
                    connection = http.client.HTTPConnection(host, timeout=5)
                    headers = {"x-api-key": shop.client}
                    connection.request("POST", "/v1/events", json.dumps(click(number)), headers)
                    if connection.getresponse().status == 200:
                        acknowledged.add(f"e{number}")
                    connection.request("POST", "/v1/recommend", b'{"surface":"home"}', headers)
                    answer = connection.getresponse()
                    if answer.status == 200:
                        answered.add(json.loads(answer.read())["meta"]["request_id"])
                except (OSError, http.client.HTTPException, ValueError):
                    pass
                finally:
                    connection.close()

        writers = [threading.Thread(target=post, args=(number,)) for number in range(16)]
        for writer in writers:
            writer.start()
        for round_ in range(3):
            enough = 100 * (round_ + 1)
            until(lambda enough=enough: len(acknowledged) >= enough, "some acknowledged events")
            os.kill(service.process.pid(f"worker-{round_ % 2}"), signal.SIGKILL)
        until(lambda: len(acknowledged) >= 400, "some more acknowledged events")
        service.process.kill()
        stop.set()
        for writer in writers:
            writer.join()
    with served(shop) as service:  # the next start cuts what was torn
        service.answers_from(2)
    files = event_files(shop.root / "host" / "spool", tenant="demo", stream="outcomes")
    found = [one.event_id for one in read_events(files, Outcome, once=False)]
    assert len(found) == len(set(found))
    assert acknowledged <= set(found)
    assert answered <= {one.request_id for one in recorded(shop, Exposure)}


@pytest.mark.long
def test_finished_files_are_in_the_store_and_wait_while_it_is_away(shop):
    with served(shop, spool_rotate_s=0.2) as service:
        service.answers_from(2)
        assert service.post("/v1/events", click(1)).status == 200
        folder = shop.root / "store" / "events" / "demo"
        until(lambda: list(folder.glob("outcomes/dt=*/*.jsonl")), "the outcome in the store")
        shop.take_store_away()
        service.answers_from(2, "last_good")
        assert service.post("/v1/events", click(2)).status == 200
        ready = shop.root / "host" / "spool" / "ready" / "demo" / "outcomes"
        until(lambda: list(ready.glob("dt=*/*.jsonl")), "the outcome waiting to be shipped")
        shop.bring_store_back()
        until(lambda: len(list(folder.glob("outcomes/dt=*/*.jsonl"))) == 2, "both outcomes in the store")
    stored = read_spool(shop.root / "store" / "events", Outcome, tenant="demo")
    assert sorted(one.event_id for one in stored) == ["e1", "e2"]


def test_a_disk_that_takes_no_events_fails_no_answer_and_acknowledges_no_event(shop):
    (shop.root / "host").mkdir()
    (shop.root / "host" / "spool").write_bytes(b"not a directory")
    with served(shop) as service:
        service.answers_from(2)
        answer = service.post("/v1/events", click(1))
        assert (answer.status, answer.json["code"]) == (503, "NOT_DURABLE")
        assert "retry-after" in answer.headers
        checks = {check["name"]: check for check in service.admin("/health/detailed").json["checks"]}
        assert checks["recording"]["state"] == "degraded"
        assert "were not recorded" in checks["recording"]["reason"]
        assert b"recsys_answers_unrecorded_total{" in service.admin("/metrics").body


@pytest.mark.long
def test_answers_that_were_not_recorded_are_told_by_the_next_one_that_is(shop):
    spool = shop.root / "host" / "spool"
    spool.parent.mkdir()
    spool.write_bytes(b"not a directory")
    with served(shop, workers=1) as service:
        service.answers_from(2)
        lost = sum(service.recommend().status == 200 for _ in range(5))
        spool.unlink()

        def told():
            service.recommend()
            lines = [line for path in spool.glob("**/*.jsonl") for line in path.read_bytes().splitlines()]
            return [int(json.loads(line)["context"]["unrecorded"]) for line in lines]

        assert until(told, "an exposure")[0] >= lost
        assert until(lambda: len(counts := told()) > 1 and counts, "the next one")[1] == 0


@pytest.mark.long
def test_each_host_says_in_the_store_what_it_serves(shop):
    with served(shop, host_name="web-1") as service:
        service.answers_from(2)
        path = shop.root / "store" / "replicas" / "web-1.json"
        beat = until(lambda: path.exists() and json.loads(path.read_bytes()), "the heartbeat")
        until(lambda: json.loads(path.read_bytes())["tenants"]["demo"]["generation"] == 2, "generation 2 in it")
        assert beat["host"] == "web-1"


@pytest.mark.long
@pytest.mark.parametrize("last_seen_s", [0.0, 0.3])
def test_a_service_that_stops_ships_everything_even_when_its_follower_was_just_killed(shop, last_seen_s):
    with served(shop, spool_keep_s=0.0, ship_s=60.0, durable_wait_s=30.0) as service:
        service.answers_from(2)
        assert service.post("/v1/events", [click(number) for number in range(20)]).status == 200
        assert list(event_files(shop.root / "host" / "spool" / "open"))
        os.kill(service.process.pid("follower"), signal.SIGKILL)
        time.sleep(last_seen_s)  # it is not there, or it is so young that it has not begun
        assert service.process.stop() == 0
    assert [file for state in ("open", "ready") for file in event_files(shop.root / "host" / "spool" / state)] == []
    read = read_events(event_files(shop.root / "store" / "events", tenant="demo", stream="outcomes"), Outcome)
    assert len({one.event_id for one in read}) == 20
