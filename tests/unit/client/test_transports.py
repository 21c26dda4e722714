"""Both clients against a server that misbehaves: the same calls, the same answers, the same errors."""

import asyncio
import subprocess
import sys
import traceback

import pytest
from tests.unit.client.tiny_server import cuts, drips, hangs, says, tiny_server

from recsys.client import AsyncClient, Client, Event, ListRequest, Refused, ServiceUnavailable
from recsys.errors import UsageError

KEY = "rsk_demo_a-very-secret-secret"
GIVEN = {"api_key": KEY, "timeout_s": 10.0, "deadline_s": 30.0}
"""With the patience that a busy machine needs."""
ANSWER = '{"items":[{"item_id":"a","rank":1,"score":1}],"meta":{"surface":"home","rung":"live","request_id":"r"}}'
BUSY = '{"status":503,"code":"OVERLOADED","detail":"all taken","next_step":"wait","request_id":"r-9"}'
BAD_KEY = '{"status":401,"code":"BAD_KEY","detail":"not known","next_step":"make one","request_id":"r-8"}'


def wait(base_url, *calls, **given):
    """Make calls, ``(name, fields)``, and return what the last one gave."""
    with Client(base_url, **{**GIVEN, **given}) as client:
        return [getattr(client, name)(**fields) for name, fields in calls][-1]


def awaited(base_url, *calls, **given):
    async def run():
        async with AsyncClient(base_url, **{**GIVEN, **given}) as client:
            return [await getattr(client, name)(**fields) for name, fields in calls][-1]

    return asyncio.run(run())


@pytest.fixture(params=[wait, awaited], ids=["Client", "AsyncClient"])
def ask(request):
    return request.param


HOME = ("recommend", {"surface": "home"})


def test_a_request_bears_the_key_and_only_what_was_said(ask):
    with tiny_server(says(200, ANSWER)) as server:
        assert ask(server.base_url, HOME).item_ids == ("a",)
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/recommend HTTP/1.1")
    assert f"x-api-key: {KEY}".encode() in head.lower().replace(KEY.lower().encode(), KEY.encode())
    assert body == b'{"surface":"home"}'


def test_a_token_goes_as_a_bearer_below_a_path(ask):
    with tiny_server(says(200, ANSWER)) as server:
        ask(server.base_url + "/recs/", HOME, api_key=None, token="a.b.c")
    assert server.requests[0].startswith(b"POST /recs/v1/recommend ")
    assert b"authorization: bearer a.b.c" in server.requests[0].lower()


def test_a_busy_service_is_asked_again_when_it_said(ask):
    with tiny_server(says(503, BUSY, retry_after="0"), cuts, says(200, ANSWER)) as server:
        assert ask(server.base_url, HOME).meta.rung == "live"
    assert len(server.requests) == 3


def test_a_busy_service_that_says_come_back_later_is_not_waited_for(ask):
    later = says(503, BUSY, retry_after="30")
    with tiny_server(later) as server, pytest.raises(ServiceUnavailable, match="OVERLOADED") as raised:
        ask(server.base_url, HOME, deadline_s=29.0)
    assert (raised.value.status, raised.value.tries, raised.value.request_id) == (503, 1, "r-9")
    assert raised.value.next_step == "wait"


def test_a_refusal_is_not_tried_again_and_no_fallback_hides_it(ask):
    with tiny_server(says(401, BAD_KEY)) as server, pytest.raises(Refused) as raised:
        ask(server.base_url, HOME, fallback={"home": ["x"]})
    refused = raised.value
    assert (refused.code, refused.status, refused.request_id) == ("BAD_KEY", 401, "r-8")
    assert refused.next_step == "make one"
    assert len(server.requests) == 1


@pytest.mark.parametrize("behaviour", [hangs, drips])
def test_a_service_that_hangs_or_drips_costs_the_deadline_and_no_more(ask, behaviour):
    with tiny_server(behaviour) as server:
        # without the deadline, or with a try that waits for the whole answer, this takes longer than a test may
        spare = ask(server.base_url, HOME, timeout_s=0.2, deadline_s=0.5, retries=5000, fallback={"home": ["x"]})
    assert (spare.item_ids, spare.meta.rung) == (("x",), "client")
    assert "no answer within" in spare.warnings[0].detail


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (cuts, "disconnected"),
        (says(500, BUSY.replace("503", "500").replace("OVERLOADED", "FAILED")), "FAILED"),
        (says(200, "<html>welcome to the wireless network</html>"), "NOT_THE_SERVICE"),
        (says(502, "<html>bad gateway</html>"), "NOT_THE_SERVICE"),
    ],
)
def test_without_a_fallback_list_for_the_surface_the_error_says_why(ask, behaviour, why):
    with tiny_server(behaviour) as server, pytest.raises(ServiceUnavailable, match=why):
        ask(server.base_url, HOME, fallback={"cart": ["x"]})


def test_what_was_answered_for_nobody_is_shown_when_the_service_is_gone(ask):
    to_somebody = ("recommend", {"surface": "home", "k": 1})
    with tiny_server(says(200, ANSWER), cuts) as server:
        spare = ask(server.base_url, HOME, to_somebody, fallback={}, retries=0)
    assert (spare.item_ids, spare.meta.rung, spare.meta.request_id) == (("a",), "client", None)


def test_a_page_of_lists_falls_back_as_a_whole(ask):
    lists = (ListRequest(name="top", surface="home", k=1), ListRequest(name="more", surface="cart", k=2))
    page = ("recommend_batch", {"requests": lists, "dedupe": True})
    with tiny_server(cuts) as server:
        top, more = ask(server.base_url, page, retries=0, fallback={"home": ["a"], "cart": ["a", "b", "c"]})
        assert (top.name, top.item_ids, more.name, more.item_ids) == ("top", ("a",), "more", ("b", "c"))
        with pytest.raises(ServiceUnavailable):
            ask(server.base_url, page, retries=0, fallback={"home": ["a"]})


def test_an_event_is_sent_again_under_the_same_id(ask):
    click = Event(item_id="a", event_type="click", request_id="r")
    with tiny_server(cuts, says(200, '{"accepted":1}')) as server:
        assert ask(server.base_url, ("record_events", {"events": (click,)})).accepted == 1
    first, second = (request.partition(b"\r\n\r\n")[2] for request in server.requests)
    assert first == second
    assert click.event_id.encode() in first


@pytest.mark.parametrize("behaviour", [cuts, hangs, says(401, BAD_KEY), says(503, BUSY), says(200, "?")])
def test_no_error_shows_the_key(ask, behaviour):
    with tiny_server(behaviour) as server, pytest.raises((Refused, ServiceUnavailable)) as raised:
        ask(server.base_url, HOME, timeout_s=0.1, retries=0)
    error: BaseException | None = raised.value
    assert error is not None
    while error is not None:
        told = [*traceback.format_exception(error), repr(vars(error))]
        assert not any(KEY in line for line in told)
        assert not hasattr(error, "request")
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    "given",
    [
        {"base_url": "localhost:8000"},
        {"base_url": f"http://me:{KEY}@localhost:8000"},
        {"api_key": None},
        {"token": "a.b.c"},
        {"api_key": f"{KEY}\nX-Org-Id: other"},
        {"api_key": "\n"},
        {"timeout_s": 0},
        {"retries": -1},
    ],
)
def test_an_argument_that_means_nothing_is_said_without_the_key(kind, given):
    with pytest.raises(UsageError) as raised:
        kind(**{"base_url": "http://localhost:8000", **GIVEN, **given})
    assert KEY not in str(raised.value)


def test_a_key_read_with_its_line_end_is_taken(ask):
    with tiny_server(says(200, ANSWER)) as server:
        assert ask(server.base_url, HOME, api_key=KEY + "\n").item_ids == ("a",)


def test_nothing_shows_the_key_of_a_client():
    with Client("http://localhost:8000", api_key=KEY) as client:
        assert repr(client) == "Client('http://localhost:8000')"


def test_an_application_loads_the_client_without_the_service():
    heavy = ["numpy", "httpx2", "asyncio", "recsys.ranking", "recsys.serving", "recsys.events", "recsys.store"]
    code = f"import sys, recsys.client; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
