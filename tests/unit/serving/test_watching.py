"""What is told of requests, and that telling never costs an answer."""

import asyncio
import logging

import pytest
from tests.unit.serving.test_desk import Counter, break_ranking, counter  # noqa: F401 - a fixture

from recsys.errors import Failed
from recsys.serving import Settings
from recsys.serving.call import Call, Reply
from recsys.serving.watching import Watch, watch_of

ROUTES = ("/v1/recommend",)


def call(method="POST", path="/v1/recommend"):
    async def read_body():
        return b""

    return Call(method, path, {}.get, read_body, "r-1", None, None)


def over(watch, made, *, status=200):
    async def answer(_call):
        return Reply(status, [], b"body")

    return asyncio.run(watch.over(made, answer))


def told(caplog):
    return [record.about for record in caplog.records if hasattr(record, "about")]


def test_nobody_watches_where_nothing_is_to_be_told():
    assert watch_of(Settings(), None, routes=ROUTES) is None
    assert watch_of(Settings(log_requests="errors"), None, routes=ROUTES) is not None


@pytest.mark.parametrize(
    ("wanted", "statuses"), [("all", {200, 404, 429, 500, 503}), ("errors", {429, 500, 503}), ("off", set())]
)
def test_only_what_is_wanted_is_a_line(caplog, wanted, statuses):
    caplog.set_level(logging.INFO, "recsys")
    for status in (200, 404, 429, 500, 503):
        over(Watch(wanted, None, routes=ROUTES), call(), status=status)
    assert {about.status for about in told(caplog)} == statuses


def test_a_method_and_a_route_that_are_made_up_are_not_repeated(caplog):
    caplog.set_level(logging.INFO, "recsys")
    over(Watch("all", None, routes=ROUTES), call("SECRET", "/secret"))
    assert [(about.method, about.route) for about in told(caplog)] == [("_OTHER", "other")]
    assert "secret" not in caplog.text.lower()


class Broken:
    """Spans that fail in everything but forgetting."""

    def begin(self, _name, **_more):
        return object()

    def rename(self, _span, _name):
        raise RuntimeError("no")

    def drop(self, span):
        self.dropped = span


def test_whatever_goes_wrong_in_telling_the_answer_goes_out(caplog):
    spans = Broken()
    assert over(Watch("all", spans, routes=ROUTES), call()).status == 200
    assert "was not told of" in caplog.text
    assert spans.dropped


class Spans:
    """Keeps what is told of spans."""

    def __init__(self):
        self.open, self.ended, self.name = [], [], ""

    def begin(self, name, *, key, **_more):
        self.open.append(key)
        return key

    def rename(self, _span, name):
        self.name = name

    def end(self, span, *, facts, parts, failed):
        self.open.remove(span)
        self.ended.append((self.name, facts["error.type"], failed))


def test_a_client_that_leaves_ends_its_span(caplog):
    async def answer(_call):
        raise asyncio.CancelledError

    caplog.set_level(logging.INFO, "recsys")
    spans = Spans()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Watch("all", spans, routes=ROUTES).over(call(), answer))
    assert (spans.open, spans.ended) == ([], [("POST /v1/recommend", "cancelled", False)])
    assert told(caplog) == []


def test_an_answer_that_failed_names_its_request_in_the_log(counter, monkeypatch, caplog):  # noqa: F811
    break_ranking(monkeypatch, RuntimeError("a mistake of ours"))
    for surface in ("home", "made-up"):
        counter.recommend(surface=surface)
    ids = [exposure.request_id for exposure in counter.exposures()]
    assert [(about.request_id, about.tenant, about.surface) for about in told(caplog)] == [
        (ids[0], "demo", "home"),
        (ids[1], "demo", "other"),
    ]


@pytest.mark.parametrize("error", [RuntimeError("a mistake of ours"), Failed("ours too")])
def test_every_500_names_its_request_in_the_log(counter, monkeypatch, caplog, error):  # noqa: F811
    def broken(*_args, **_named):
        raise error

    monkeypatch.setattr(counter.hosted, "view", broken)
    status, body = counter.recommend()
    assert status == 500
    assert [(about.request_id, about.tenant) for about in told(caplog)] == [(body["request_id"], "demo")]
