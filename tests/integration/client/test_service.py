"""The clients against the real service: what it answers, and what they do when it is killed and started again."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.integration.serving.shops import Shop, served, until

from recsys.client import (
    AsyncClient,
    Candidates,
    Client,
    Event,
    ListRequest,
    Refused,
    ServiceUnavailable,
    User,
)
from recsys.events import Outcome, read_spool


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service of one worker on a port of its own, so that it can be started again at the same address."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.ship("a")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with served(shop, workers=1, port=port) as running:
        running.answers_from(2)
        yield running


def test_every_call_is_answered(service):
    with Client(service.process.base_url, api_key=service.shop.client) as client:
        wanted = Candidates(exclude_ids=("a-000",))
        answer = client.recommend(surface="home", k=2, user=User(user_id="u1"), candidates=wanted)
        assert answer.item_ids == ("a-001", "a-002")
        assert (answer.meta.rung, answer.meta.generation) == ("live", 2)
        neighbours = client.similar(surface="home", item_id="a-000", k=3)
        assert set(neighbours.item_ids) < {f"a-{number:03d}" for number in range(1, 6)}
        top, more = client.recommend_batch(
            requests=(ListRequest(name="top", surface="home", k=1), ListRequest(name="more", surface="home", k=1)),
            dedupe=True,
        )
        assert (top.name, top.item_ids, more.name, more.item_ids) == ("top", ("a-000",), "more", ("a-001",))
        checked = client.validate(surface="home", k=500)
        assert (checked.request.k, checked.warnings[0].code) == (200, "K_CLAMPED")
        click = Event(item_id="a-001", event_type="click", request_id=answer.meta.request_id, user_id="u1")
        seen = Event(item_id="a-001", event_type="view", session_id="s1")
        assert client.record_events(events=(click, seen)).accepted == 2
        with pytest.raises(Refused, match="surface") as raised:
            client.recommend(surface="Not A Name")
        assert (raised.value.status, raised.value.code) == (422, "INVALID")
        assert raised.value.request_id


def test_many_calls_of_one_asynchronous_client_are_under_way_at_once(service):
    async def ask():
        async with AsyncClient(service.process.base_url, api_key=service.shop.client) as client:
            return await asyncio.gather(*(client.recommend(surface="home", k=k) for k in range(1, 21)))

    assert [len(answer.items) for answer in asyncio.run(ask())] == list(range(1, 21))


def test_a_wrong_key_is_refused_with_what_to_do(service):
    with Client(service.process.base_url, api_key="rsk_wrong", fallback={"home": ["x"]}) as client:
        with pytest.raises(Refused) as raised:
            client.recommend(surface="home")
        assert (raised.value.code, raised.value.status) == ("BAD_KEY", 401)


def test_a_page_goes_on_while_the_service_is_killed_and_started_again(service):
    base_url, given = service.process.base_url, {"api_key": service.shop.client, "fallback": {}}
    patience = {"deadline_s": 60, "retries": 1000}
    rungs, leave = [], threading.Event()
    click = Event(item_id="a-001", event_type="click", request_id="r1", user_id="browser")
    with Client(base_url, **given) as page, Client(base_url, **given, **patience) as patient:

        def browse():
            while not leave.is_set():
                rungs.append(page.recommend(surface="home", k=3, user=User(user_id="browser")).meta.rung)

        assert page.recommend(surface="home", k=3).meta.rung == "live"
        with ThreadPoolExecutor() as people:
            browsing = people.submit(browse)
            try:
                until(lambda: rungs.count("live") > 10, "answers of the service")
                service.process.kill()
                until(lambda: "client" in rungs, "answers without it")
                sending = people.submit(patient.record_events, events=(click,))
                asking = people.submit(asyncio.run, _recommend(base_url, service.shop.client, patience))
                with pytest.raises(ServiceUnavailable, match="refused"), Client(base_url, api_key="k") as strict:
                    strict.recommend(surface="home")
                service.process.start()
                assert sending.result(timeout=60).accepted == 1
                assert asking.result(timeout=60).items
                at = len(rungs)
                until(lambda: "live" in rungs[at:], "answers of the service again")
            finally:
                leave.set()
            browsing.result(timeout=10)
    assert set(rungs) <= {"live", "last_good", "disk", "client"}
    assert click.event_id in _outcomes(service.shop)


async def _recommend(base_url, key, patience):
    async with AsyncClient(base_url, api_key=key, **patience) as patient:
        return await patient.recommend(surface="home")


def _outcomes(shop):
    roots = (shop.root / "host" / "spool", shop.root / "store" / "events")
    return {event.event_id for root in roots for event in read_spool(root, Outcome, tenant="demo")}
