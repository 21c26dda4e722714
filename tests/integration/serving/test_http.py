"""The two ports as clients and operators meet them."""

import socket
import time
from urllib.parse import urlsplit

import pytest
from tests.integration.serving.shops import Shop, call, served, until

from recsys.access import create_key
from recsys.releases import create_tenant
from recsys.serving import Settings
from recsys.serving.process import ServiceProcess


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.ship("a")
    create_tenant(shop.store, "other", actor="tests")
    shop.stranger = create_key(shop.store, "other", "operator", actor="tests").secret
    shop.viewer = create_key(shop.store, "demo", "viewer", actor="tests").secret
    with served(shop, max_body_bytes=50_000) as running:
        running.answers_from(2)
        yield running


def test_an_answer_is_as_the_contract_says(service):
    answer = service.recommend(k=3)
    assert [item["item_id"] for item in answer.json["items"]] == ["a-000", "a-001", "a-002"]
    assert [item["rank"] for item in answer.json["items"]] == [1, 2, 3]
    meta = answer.json["meta"]
    assert {"tenant_id", "surface", "algo_version", "config_version", "rules_version", "manifest_version"} <= set(meta)
    assert (meta["generation"], meta["rung"]) == (2, "live")
    assert meta["data_age_s"] is not None
    assert meta["request_id"][14] == "7"


@pytest.mark.long
def test_a_host_that_has_never_reached_its_store_is_not_ready_and_blames_no_key(tmp_path):
    settings = Settings(store=str(tmp_path / "away"), host_dir=str(tmp_path / "host"), port=0, admin_port=0)
    with ServiceProcess(settings) as process:
        ready = call(process.base_url + "/readyz")
        assert (ready.status, ready.json["ready"]) == (503, False)
        answer = call(process.base_url + "/v1/recommend", {"surface": "home"}, x_api_key="rsk_whatever")
        assert (answer.status, answer.json["code"]) == (503, "NOT_READY")
        assert answer.headers["retry-after"] == "1"


def test_similar_items_are_neighbours_without_the_item_itself(service):
    answer = service.post("/v1/similar", {"surface": "home", "item_id": "a-000", "k": 3})
    ids = [item["item_id"] for item in answer.json["items"]]
    assert len(ids) == 3
    assert set(ids) <= {f"a-{number:03d}" for number in range(1, 6)}


def test_validate_shows_the_whole_request_and_serves_nothing(service):
    answer = service.post("/v1/recommend/validate", {"surface": "home", "k": 500})
    assert answer.status == 200
    assert answer.json["request"]["k"] == 200
    assert answer.json["request"]["candidates"] == {"include_ids": [], "exclude_ids": []}
    assert answer.warnings == {"K_CLAMPED"}


def test_an_unknown_surface_says_so(service):
    assert "UNKNOWN_SURFACE" in service.recommend(surface="nowhere").warnings


def test_a_clients_request_id_is_echoed(service):
    answer = service.post("/v1/recommend", {"surface": "home"}, x_request_id="mine-1")
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.json["meta"]["client_request_id"] == "mine-1"
    assert answer.json["meta"]["request_id"] != "mine-1"


@pytest.mark.parametrize(
    ("path", "raw", "status", "code"),
    [
        ("/v1/recommend", b"{", 400, "BAD_JSON"),
        ("/v1/recommend", b'{"surface":"home","k":0}', 422, "INVALID"),
        ("/v1/recommend", b'{"surfase":"home"}', 422, "INVALID"),
        ("/v1/recommend", b" " * 50_001, 413, "TOO_LARGE"),
        ("/v1/recommend", b"[" * 40_000, 400, "BAD_JSON"),
        ("/v1/events", b"[]", 422, "INVALID"),
        ("/v1/nothing", b"{}", 404, "NO_ROUTE"),
        ("/healthz", b"{}", 405, "METHOD"),
        ("/v1/recommend", b'{"surface":"home","context":{"now":"2026-11-22T00:00:00Z"}}', 403, "FORBIDDEN"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_with_a_code(service, path, raw, status, code):
    answer = service.post(path, raw=raw)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["request_id"]


@pytest.mark.parametrize(
    ("length", "also", "sent"),
    [
        (50_001, "", 50_001),
        (200_000, "", 200_000),
        (200_000, "Expect: 100-continue\r\n", 0),
        (10**9, "", 0),
    ],
)
def test_who_sends_too_large_a_body_is_told_so_and_not_cut_off(service, length, also, sent):
    """In pieces, so that a refusal that lets nothing pass has closed the connection before the last one."""
    url = urlsplit(service.process.base_url)
    head = f"POST /v1/recommend HTTP/1.1\r\nHost: x\r\nX-API-Key: {service.shop.client}\r\n"
    head += f"Content-Length: {length}\r\n{also}\r\n"
    with socket.create_connection((url.hostname, url.port), timeout=5) as client:
        client.sendall(head.encode())
        for at in range(0, sent, 20_000):
            time.sleep(0.02)
            client.sendall(b" " * min(20_000, sent - at))
        assert client.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_credentials_are_asked_for_and_must_be_right(service):
    shop = service.shop
    body = {"surface": "home"}
    url = service.process.base_url + "/v1/recommend"
    assert call(url, body).status == 401
    assert service.post("/v1/recommend", body, key="rsk_nobody_" + "0" * 64).status == 401
    assert service.post("/v1/recommend", body, key=shop.viewer).status == 403
    assert service.post("/v1/recommend", body, x_org_id="demo").status == 200
    assert service.post("/v1/recommend", body, x_org_id="other").status == 403
    assert call(url, body, x_org_id="demo", x_dev_user_id="me").status == 401  # not asked for
    assert service.recommend(context={"now": "2026-11-22T00:00:00Z"}).status == 403
    at = service.post("/v1/recommend", {**body, "context": {"now": "2026-11-22T00:00:00Z"}}, key=shop.operator)
    assert at.status == 200


def test_a_body_without_an_announced_length_is_bounded_too(service):
    host, port = service.process.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/recommend HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nX-API-Key: "
            + service.shop.client.encode()
            + b"\r\n\r\n"
        )
        try:
            for _ in range(100):
                connection.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
        except OSError:
            pass
        assert b" 413 " in connection.recv(100)


def test_health_and_version_need_no_key(service):
    for path in ("/healthz", "/readyz", "/version"):
        assert call(service.process.base_url + path).status == 200


def test_operators_see_their_own_tenant_and_no_other(service):
    path = "/v1/admin/tenants/demo/releases"
    assert service.admin(path).json["releases"][0]["generation"] >= 2
    assert service.admin(path, key=service.shop.viewer).status == 200
    assert service.admin(path, key=service.shop.client).status == 403
    assert service.admin(path, key=service.shop.stranger).status == 403
    assert call(service.process.admin_url + path).status == 401
    assert service.admin("/v1/admin/tenants").json == {"tenants": ["demo"]}


def test_config_is_put_with_what_was_seen_and_refused_when_it_moved_on(tmp_path):
    shop = Shop(tmp_path)
    shop.ship("a")
    with served(shop, workers=1) as service:
        service.answers_from(2)
        path = "/v1/admin/tenants/demo/config"
        seen = service.admin(path)
        assert seen.json == {}
        tag = seen.headers["etag"]
        put = service.admin(path, {"limits": {"max_k": 3, "max_exclude_ids": 2}}, method="PUT", if_match=tag)
        assert put.status == 200, put.body
        assert put.json["undo"]
        service.answers_from(3)
        assert len(service.recommend(k=50).json["items"]) == 3
        assert service.recommend(candidates={"exclude_ids": ["a", "b", "c"]}).status == 422
        stale = service.admin(path, {}, method="PUT", if_match=tag)
        assert (stale.status, stale.json["code"]) == (409, "STALE_HEAD")
        wrong = service.admin(path, {"limts": {}}, method="PUT")
        assert wrong.status == 422
        assert "did you mean" in wrong.json["next_step"]
        held = service.admin("/v1/admin/tenants/demo/hold", {"reason": "hands off"}, method="POST")
        assert held.status == 200, held.body
        refused = service.admin(path, {}, method="PUT")
        assert (refused.status, refused.json["code"]) == (423, "HELD")
        assert service.admin("/v1/admin/tenants/demo/hold", method="DELETE").status == 200
        undone = service.admin("/v1/admin/tenants/demo/undo", {"generation": 3}, method="POST")
        assert undone.status == 200, undone.body
        until(lambda: len(service.recommend(k=50).json["items"]) == 30, "the old limit again")
        assert service.admin("/v1/admin/tenants/demo/releases/99").status == 404


def test_metrics_add_up_the_answers_of_all_workers(service):
    def counted():
        text = service.admin("/metrics").body.decode()
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith("recsys_answers_total{") and 'surface="home"' in line and 'route="recommend"' in line
        )

    before = counted()
    for _ in range(40):
        service.recommend()
    assert counted() == before + 40


@pytest.mark.long
def test_development_headers_work_where_they_were_asked_for(tmp_path):
    shop = Shop(tmp_path)
    shop.ship("a")
    with served(shop, workers=1, dev_headers=True) as service:
        url = service.process.base_url + "/v1/recommend"
        until(lambda: call(url, {"surface": "home"}, x_org_id="demo").status == 200, "an answer")
        assert call(url, {"surface": "home"}, x_org_id="nobody").status == 404
        made = call(
            service.process.admin_url + "/v1/admin/tenants", {"name": "fresh", "reason": "try"}, x_dev_user_id="me"
        )
        assert made.status == 201, made.body
        until(lambda: call(url, {"surface": "home"}, x_org_id="fresh").status == 200, "the new tenant")


def test_more_than_a_worker_takes_is_503_at_once_while_health_stays_up(tmp_path):
    shop = Shop(tmp_path)
    shop.ship("a")
    with served(shop, workers=1, max_in_flight=3) as service:
        service.answers_from(2)
        host, port = service.process.base_url.removeprefix("http://").split(":")
        slow = []
        try:
            for _ in range(3):  # three clients that never finish their bodies
                connection = socket.create_connection((host, int(port)), timeout=10)
                head = (
                    f"POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nX-API-Key: {shop.client}\r\n\r\n"
                )
                connection.sendall(head.encode() + b"{")
                slow.append(connection)
            answer = until(lambda: (one := service.recommend()).status == 503 and one, "an overloaded worker")
            assert answer.json["code"] == "OVERLOADED"
            assert int(answer.headers["retry-after"]) >= 1
            assert call(service.process.base_url + "/healthz").status == 200
        finally:
            for connection in slow:
                connection.close()
        until(lambda: service.recommend().status == 200, "room again")
