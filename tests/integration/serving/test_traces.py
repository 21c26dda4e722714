"""Traces of a real service, as a collector gets them."""

import json
import socket

import pytest
from tests.integration.serving.collector import collecting
from tests.integration.serving.shops import Shop, call, served, until

from recsys.serving import Settings
from recsys.serving.process import ServiceProcess

pytestmark = pytest.mark.long

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PROMPT = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}


@pytest.fixture(scope="module")
def collector():
    with collecting() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in {**PROMPT, "OTEL_EXPORTER_OTLP_ENDPOINT": running.url}.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory, collector):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.ship("a")
    with served(shop, workers=1, tracing=True, log_format="json", log_requests="all") as running:
        running.answers_from(2)
        yield running


def lines(service):
    return [json.loads(line) for line in (service.shop.root / "service.log").read_text().splitlines()]


def line_about(service, request_id):
    return until(lambda: [one for one in lines(service) if one.get("request_id") == request_id], "a line")[0]


def test_an_answer_is_a_span_with_its_ranking_and_its_recording_inside(service, collector):
    answer = service.recommend(k=3)
    meta = answer.json["meta"]
    span = collector.one("POST /v1/recommend", request_id=meta["request_id"])
    assert span.is_server
    assert not span.failed
    assert span.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.response.body.size": len(json.dumps(answer.json, separators=(",", ":"), ensure_ascii=False).encode()),
        "http.route": "/v1/recommend",
        "url.scheme": "http",
        "recsys.request_id": meta["request_id"],
        "recsys.tenant": "demo",
        "recsys.surface": "home",
        "recsys.generation": meta["generation"],
        "recsys.rung": "live",
        "recsys.items": 3,
    }
    assert span.resource["service.name"] == "recsys"
    assert span.resource["service.instance.id"].endswith("/worker-0")
    rank, record = collector.children(span)
    assert (rank.name, record.name) == ("rank", "record")
    assert span.began <= rank.began <= rank.ended <= record.began <= record.ended <= span.ended


def test_the_answer_the_log_and_the_span_name_the_same_request(service, collector):
    request_id = service.recommend().json["meta"]["request_id"]
    span, line = collector.one("POST /v1/recommend", request_id=request_id), line_about(service, request_id)
    assert (line["trace_id"], line["span_id"]) == (span.trace_id, span.span_id)


def test_a_callers_trace_is_continued(service, collector):
    answer = service.post("/v1/recommend", {"surface": "home"}, traceparent=f"00-{TRACE}-{PARENT}-01")
    span = collector.one("POST /v1/recommend", request_id=answer.json["meta"]["request_id"])
    assert (span.trace_id, span.parent) == (TRACE, PARENT)
    assert {one.trace_id for one in collector.children(span)} == {TRACE}


def test_what_the_caller_does_not_sample_is_not_sent(service, collector):
    quiet = service.post("/v1/recommend", {"surface": "home"}, traceparent=f"00-{'ab' * 16}-{PARENT}-00")
    after = service.recommend()
    collector.one("POST /v1/recommend", request_id=after.json["meta"]["request_id"])
    sent = {span.attributes.get("recsys.request_id") for span in collector.spans}
    assert quiet.json["meta"]["request_id"] not in sent


@pytest.mark.parametrize(
    "traceparent",
    [
        "nonsense",
        f"00-{TRACE}-{PARENT}",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        "0" * 20_000,
    ],
)
def test_a_malformed_parent_is_none(service, collector, traceparent):
    answer = service.post("/v1/recommend", {"surface": "home"}, traceparent=traceparent)
    assert answer.status == 200
    span = collector.one("POST /v1/recommend", request_id=answer.json["meta"]["request_id"])
    assert (span.parent, span.trace_id == TRACE) == ("", False)


def test_a_batch_has_a_ranking_for_each_list(service, collector):
    batch = {"requests": [{"surface": "home", "k": 2}, {"surface": "made-up"}]}
    answer = service.post("/v1/recommend/batch", batch)
    ids = [one["meta"]["request_id"] for one in answer.json["answers"]]
    first = collector.one("rank", request_id=ids[0])
    parent = next(span for span in collector.spans if span.span_id == first.parent)
    ranked = collector.children(parent)
    assert [one.name for one in ranked] == ["rank", "rank", "record"]
    assert [one.attributes.get("recsys.request_id") for one in ranked[:2]] == ids
    assert [one.attributes["recsys.surface"] for one in ranked[:2]] == ["home", "other"]


def test_a_failure_is_a_failed_span(tmp_path, collector):
    settings = Settings(
        store=str(tmp_path / "away"), host_dir=str(tmp_path / "host"), port=0, admin_port=0, tracing=True
    )
    with ServiceProcess(settings) as process:
        answer = call(process.base_url + "/v1/recommend", {"surface": "home"}, x_api_key="rsk_whatever")
    assert answer.status == 503
    span = collector.one("POST /v1/recommend", request_id=answer.json["request_id"])
    assert (span.failed, span.attributes["error.type"]) == (True, "503")


def test_a_refusal_is_not_a_failed_span(service, collector):
    answer = service.post("/v1/recommend", {"surface": "home"}, key="rsk_nobody")
    span = collector.one("POST /v1/recommend", request_id=answer.json["request_id"])
    assert (span.failed, span.attributes["http.response.status_code"]) == (False, 401)


def test_what_a_caller_made_up_is_in_no_span(service, collector):
    base, made_up = service.process.base_url, "made-up-by-a-caller"
    call(f"{base}/{made_up}?{made_up}=1", method=made_up.upper(), x_request_id=made_up, user_agent=made_up)
    call(f"{base}/v1/recommend?{made_up}", {"surface": made_up, "user": {"user_id": made_up}}, x_api_key=made_up)
    service.recommend(surface=made_up, user={"user_id": made_up}, context={"country": "DE"})
    call(f"{service.process.admin_url}/v1/admin/tenants/{made_up}/config?{made_up}=1", x_api_key=made_up)
    last = service.post("/v1/recommend", {"surface": "home"}, tracestate=f"vendor={made_up}", baggage=f"a={made_up}")
    collector.one("POST /v1/recommend", request_id=last.json["meta"]["request_id"])
    collector.one("HTTP")
    until(lambda: [span for span in collector.spans if span.name.startswith("GET /v1/admin/tenants/{")], "the last")
    assert made_up.encode() not in collector.raw
    assert made_up.upper().encode() not in collector.raw


def test_the_operators_port_has_spans_too(service, collector):
    assert service.admin("/v1/admin/tenants/demo/rules", traceparent=f"00-{TRACE}-{PARENT}-01").status == 200
    span = collector.one("GET /v1/admin/tenants/{tenant}/rules", tenant="demo")
    assert (span.is_server, span.trace_id, span.parent) == (True, TRACE, PARENT)
    assert span.resource["service.instance.id"].endswith("/admin")


def test_a_switch_to_a_newer_release_is_a_span_of_the_follower(service, collector):
    generation = service.shop.ship("b")
    service.answers_from(generation)
    span = collector.one("follow", tenant="demo", generation=generation)
    assert span.attributes["recsys.load_ms"] > 0
    assert span.resource["service.instance.id"].endswith("/follower")
    said = [one for one in lines(service) if one["message"].startswith(f"serving generation {generation} of demo")]
    assert [(one["trace_id"], one["tenant"]) for one in said] == [(span.trace_id, "demo")]


def test_the_last_spans_are_sent_before_the_end(tmp_path, collector, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-recommender")
    shop = Shop(tmp_path)
    shop.ship("a")
    with served(shop, workers=1, tracing=True) as running:
        request_id = running.recommend().json["meta"]["request_id"]
    sent = [span for span in collector.spans if span.attributes.get("recsys.request_id") == request_id]
    assert {span.resource["service.name"] for span in sent} == {"shop-recommender"}


def test_with_the_collector_gone_every_answer_is_served(tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        _serves_all(tmp_path, monkeypatch)
    told = (tmp_path / "service.log").read_text()
    assert 1 <= told.count("Transient error") <= 6  # once a while, and not with every batch of each of three processes


def test_with_a_collector_that_hangs_every_answer_is_served(tmp_path, monkeypatch):
    with collecting(hangs=True) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        _serves_all(tmp_path, monkeypatch)
        assert collector.asked


def _serves_all(folder, monkeypatch):
    for name, value in {**PROMPT, "OTEL_BSP_MAX_QUEUE_SIZE": "32", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "16"}.items():
        monkeypatch.setenv(name, value)
    shop = Shop(folder)
    shop.ship("a")
    with served(shop, workers=1, tracing=True) as running:
        running.answers_from(2)  # a service answers from its floor until it has loaded the first release
        answers = [running.recommend() for _ in range(300)]
        running.shop.ship("b")
        running.answers_from(3)
        assert running.process.processes.children["worker-0"].restarts == 0
        ended = running.process.stop()
    assert {(one.status, one.rung) for one in answers} == {(200, "live")}
    assert ended == 0
