"""The operators' port, asked in this process."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from litestar.testing import TestClient
from tests.unit.operations.records import Recorder, request_id_at
from tests.unit.releases.shop import config, publish
from tests.unit.snapshot.shops import Shop

from recsys.access import create_key, load_directory
from recsys.operations.admin import ROUTES as OPERATIONS
from recsys.ranking import RecommendRequest
from recsys.releases import Releases, create_tenant
from recsys.serving import Settings
from recsys.serving.admin import admin_app
from recsys.serving.host_state import Places
from recsys.store import open_store

WHO = {"X-Org-Id": "demo", "X-Dev-User-Id": "ann"}


@pytest.fixture
def releases(tmp_path: Any) -> Releases:
    store = open_store(tmp_path / "store")
    create_tenant(store, "demo", actor="tests")
    shop = Releases(store, "demo", actor="tests")
    for k in range(1, 6):
        shop.put_config(config(limits={"max_k": k}))  # 2 to 6
    return shop


@pytest.fixture
def client(tmp_path: Any, releases: Releases) -> Iterator[TestClient[Any]]:
    settings = Settings(store=str(tmp_path / "store"), host_dir=str(tmp_path / "host"), dev_headers=True)
    copy = Places(settings.host_path).access  # what the follower of this host keeps
    copy.parent.mkdir(parents=True)
    copy.write_bytes(load_directory(open_store(settings.store)).encode())
    with TestClient(admin_app(settings, more=OPERATIONS)) as client:
        yield client


def put(client: TestClient[Any], key: str, max_k: int) -> Any:
    headers = {**WHO, "Idempotency-Key": key}
    return client.put("/v1/admin/tenants/demo/config", content=config(limits={"max_k": max_k}), headers=headers)


def test_a_key_that_looks_like_an_attempt_does_not_aim_a_rollback(client: TestClient[Any]) -> None:
    headers = {**WHO, "Idempotency-Key": "ticket@4"}
    path = "/v1/admin/tenants/demo/rollback"
    answer = client.post(path, json={"lever": "config"}, headers=headers)
    assert (answer.status_code, answer.json()["restores"]) == (200, 5)
    assert client.post(path, json={"lever": "config"}, headers=headers).json()["generation"] == 7


def test_a_key_used_for_another_body_is_refused(client: TestClient[Any], releases: Releases) -> None:
    assert put(client, "deploy-7", 11).json()["generation"] == 7
    assert put(client, "deploy-7", 11).json()["generation"] == 7
    refused = put(client, "deploy-7", 12)
    assert (refused.status_code, refused.json()["code"]) == (409, "ATTEMPT_REUSED")
    assert releases.current().generation == 7


ITEMS = "/v1/admin/tenants/demo/items"


def test_items_are_patched_and_the_same_key_makes_it_once(client: TestClient[Any], releases: Releases) -> None:
    body = {"items": [{"item_id": "mug", "price": 2}, {"item_id": "cup", "remove": True}], "reason": "sale"}
    headers = {**WHO, "Idempotency-Key": "feed-1"}
    answer = client.patch(ITEMS, json=body, headers=headers)
    assert (answer.status_code, answer.json()["action"], answer.json()["generation"]) == (200, "items", 7)
    assert client.patch(ITEMS, json=body, headers=headers).json()["generation"] == 7
    assert releases.current().overlay is not None
    assert client.patch(ITEMS, json={"clear": True}, headers=WHO).json()["generation"] == 8
    assert releases.current().overlay is None


def test_ten_thousand_rows_with_their_lists_are_taken_and_one_more_is_not(client: TestClient[Any]) -> None:
    rows = [{"item_id": f"{n:05d}", "tags": ["a-tag-of-some-length"] * 10} for n in range(10_001)]
    assert client.patch(ITEMS, json={"items": rows[1:]}, headers=WHO).status_code == 200
    answer = client.patch(ITEMS, json={"items": rows}, headers=WHO)
    assert (answer.status_code, "limit exceeded: overlaid items" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"items": [{"item_id": "mug", "pirce": 1}]}, "pirce"),
        ({"items": [{"item_id": "mug"}]}, "nothing is said of item mug"),
        ({"items": [{"item_id": "mug", "price": -1}]}, "price is -1"),
        ({}, "no item is named"),
    ],
)
def test_a_patch_that_means_nothing_is_refused(client: TestClient[Any], body: dict[str, Any], said: str) -> None:
    answer = client.patch(ITEMS, json=body, headers=WHO)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_a_hold_refuses_a_patch(client: TestClient[Any], releases: Releases) -> None:
    releases.hold(reason="freeze")
    assert client.patch(ITEMS, json={"items": [{"item_id": "mug", "price": 1}]}, headers=WHO).status_code == 423


PATH = "/v1/admin/tenants/demo"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/rollback"),
        ("POST", "/undo"),
        ("POST", "/hold"),
        ("POST", "/promote"),
        ("PUT", "/candidate"),
        ("PUT", "/config"),
        ("PUT", "/rules"),
        ("POST", "/items/withdraw"),
        ("POST", "/items/restore"),
    ],
)
def test_what_is_no_json_is_400_and_what_means_nothing_is_422(client: TestClient[Any], method: str, path: str) -> None:
    for body in (b"{", b"", b"\xff", b"[" * 100_000):
        broken = client.request(method, PATH + path, content=body, headers=WHO)
        assert (broken.status_code, broken.json()["code"]) == (400, "BAD_JSON"), body[:20]
    senseless = client.request(method, PATH + path, content=b'{"surfase": 1}', headers=WHO)
    assert (senseless.status_code, senseless.json()["code"]) == (422, "INVALID")
    assert senseless.headers["content-type"].startswith("application/problem+json")


def test_every_problem_has_a_request_id_that_sorts_by_time(client: TestClient[Any]) -> None:
    answers = [
        client.get(path, headers=WHO) for path in (f"{PATH}/releases/99", "/nothing", f"{PATH}/releases?limit=0")
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 422]
    ids = [answer.json()["request_id"] for answer in answers]
    assert [one[14] for one in ids] == ["7", "7", "7"]
    assert len(set(ids)) == 3


def test_a_misspelt_name_in_the_query_is_refused_and_the_right_one_suggested(client: TestClient[Any]) -> None:
    refused = client.get(f"{PATH}/releases?befor=3", headers=WHO)
    assert (refused.status_code, refused.json()["next_step"]) == (422, "did you mean `before`?")


def test_rules_of_more_than_a_megabyte_can_be_put(client: TestClient[Any], releases: Releases) -> None:
    ids = [f"item-{number:060d}" for number in range(9_000)]
    rules = [{"id": f"r{number}", "action": "block", "item_ids": ids} for number in range(3)]
    data = json.dumps(rules).encode()
    assert len(data) > 1 << 20
    put = client.put(f"{PATH}/rules", content=data, headers=WHO)
    assert (put.status_code, put.json()["committed"]) == (200, True)
    assert client.put(f"{PATH}/config", content=b" " * (2 << 20), headers=WHO).status_code == 413


def test_an_etag_lets_one_of_two_who_read_the_same_document_put_theirs(client: TestClient[Any]) -> None:
    seen = client.get(f"{PATH}/config", headers=WHO).headers["etag"]
    match = {**WHO, "If-Match": seen}
    assert client.put(f"{PATH}/config", content=config(limits={"max_k": 50}), headers=match).status_code == 200
    second = client.put(f"{PATH}/config", content=config(limits={"max_k": 60}), headers=match)
    assert (second.status_code, second.json()["code"]) == (409, "STALE_HEAD")
    back = client.put(f"{PATH}/config", content=config(limits={"max_k": 5}), headers=WHO)
    assert back.json()["committed"]  # as it was when it was read
    assert client.put(f"{PATH}/config", content=config(limits={"max_k": 60}), headers=match).status_code == 409


def test_a_dry_run_writes_nothing(client: TestClient[Any], releases: Releases) -> None:
    planned = client.put(f"{PATH}/config?dry_run=true", content=config(limits={"max_k": 50}), headers=WHO)
    assert (planned.json()["dry_run"], planned.json()["committed"]) == (True, False)
    assert releases.current().generation == 6


def test_items_are_withdrawn_and_restored_once_for_a_key(client: TestClient[Any], releases: Releases) -> None:
    order = {"item_ids": ["mug-17"], "reason": "recalled"}
    for _ in range(2):
        gone = client.post(f"{PATH}/items/withdraw", json=order, headers={**WHO, "Idempotency-Key": "recall"})
        assert (gone.status_code, gone.json()["generation"]) == (200, 7)
    back = client.post(f"{PATH}/items/restore", json=order, headers=WHO)
    assert (back.status_code, back.json()["generation"]) == (200, 8)
    assert client.post(f"{PATH}/items/withdraw", json={"item_ids": []}, headers=WHO).status_code == 422


def test_a_hold_refuses_a_document_with_423_and_lets_withdrawals_through(client: TestClient[Any]) -> None:
    assert client.post(f"{PATH}/hold", json={"reason": "incident"}, headers=WHO).status_code == 200
    held = client.put(f"{PATH}/config", content=config(limits={"max_k": 9}), headers=WHO)
    assert (held.status_code, held.json()["code"]) == (423, "HELD")
    assert client.post(f"{PATH}/items/withdraw", json={"item_ids": ["i"]}, headers=WHO).status_code == 200
    assert client.delete(f"{PATH}/hold?reason=over", headers=WHO).status_code == 200
    assert client.put(f"{PATH}/config", content=config(limits={"max_k": 9}), headers=WHO).status_code == 200


def test_the_audit_is_newest_first_in_pages_with_states_for_who_may_see_them(
    client: TestClient[Any], releases: Releases
) -> None:
    first = client.get(f"{PATH}/audit?limit=4", headers=WHO).json()
    assert [entry["generation"] for entry in first["entries"]] == [6, 5, 4, 3]
    rest = client.get(f"{PATH}/audit?limit=4&before={first['next']}", headers=WHO).json()
    assert [entry["generation"] for entry in rest["entries"]] == [2, 1]
    assert rest["next"] is None
    change = first["entries"][0]
    assert change["changed"] == ["config"]
    assert change["states"]["config"] == {"before": releases.read(5).config, "after": releases.read(6).config}
    assert client.get(f"{PATH}/audit?limit=201", headers=WHO).status_code == 422


def test_a_viewer_sees_the_audit_without_states(client: TestClient[Any], releases: Releases) -> None:
    secret = create_key(releases.store, "demo", "viewer", actor="tests").secret
    office = client.app.state.office
    office.places.access.write_bytes(load_directory(releases.store).encode())
    seen = client.get(f"{PATH}/audit", headers={"X-API-Key": secret})
    assert (seen.status_code, len(seen.json()["entries"])) == (200, 6)
    assert not any("states" in entry for entry in seen.json()["entries"])


def test_a_candidate_is_begun_shown_and_aborted(client: TestClient[Any], releases: Releases) -> None:
    releases.ship("home", publish(releases.store))
    rules = [{"id": "r", "action": "block", "item_ids": ["i"], "surface": "home"}]
    begun = client.put(f"{PATH}/candidate", json={"surface": "home", "share": 0.5, "rules": rules}, headers=WHO)
    assert (begun.status_code, begun.json().get("action")) == (200, "candidate"), begun.text
    (one,) = client.get(f"{PATH}/candidate", headers=WHO).json()["candidates"]
    assert (one["surface"], one["carries"], one["candidate"]["share"]) == ("home", ["rules"], 0.5)
    ended = client.delete(f"{PATH}/candidate?surface=home", headers=WHO)
    assert (ended.status_code, ended.json()["action"]) == (200, "abort")
    gone = client.post(f"{PATH}/promote", json={"surface": "home"}, headers=WHO)
    assert (gone.status_code, gone.json()["code"]) == (409, "NO_CANDIDATE")


def test_another_method_says_which_are_taken(client: TestClient[Any]) -> None:
    refused = client.patch(f"{PATH}/hold", headers=WHO)
    assert (refused.status_code, refused.json()["code"]) == (405, "METHOD")
    assert {"POST", "DELETE"} <= set(refused.headers["allow"].split(", "))


def test_operations_say_how_a_tenant_fares_and_what_is_wrong(client: TestClient[Any]) -> None:
    assert client.get(f"{PATH}/health", headers=WHO).json() == {"surfaces": {}}
    found = client.get(f"{PATH}/doctor?symptom=stale", headers=WHO)
    assert (found.status_code, found.json()["healthy"]) == (200, True)
    assert client.get(f"{PATH}/doctor?symptom=cough", headers=WHO).status_code == 422
    assert client.get("/v1/admin/tenants/other/doctor", headers=WHO).status_code == 403


def test_an_answer_is_explained_to_who_may_look_and_one_without_a_record_is_not_found(
    client: TestClient[Any], releases: Releases, tmp_path: Any
) -> None:
    shop = Shop(releases.store)
    generation = releases.ship("home", shop.manifest(), reason="nightly").release.generation
    made = Recorder(shop.store, tmp_path / "cache").record(RecommendRequest(surface="home", k=3), at=time.time())
    found = client.get(f"{PATH}/why/{made.request_id}", headers=WHO)
    assert (found.status_code, found.json()["result"], found.json()["generation"]) == (200, "exact", generation)
    assert len(found.json()["items"]) == 3
    assert found.json()["items"][0]["title"]
    missing = client.get(f"{PATH}/why/{request_id_at(time.time())}?hours=2", headers=WHO)
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    assert missing.headers["content-type"] == "application/problem+json"
    assert client.get(f"{PATH}/why/{made.request_id}?hour=2", headers=WHO).status_code == 422
    assert client.get(f"/v1/admin/tenants/other/why/{made.request_id}", headers=WHO).status_code == 403
    viewer = create_key(shop.store, "demo", "client", actor="tests").secret
    refused = client.get(f"{PATH}/why/{made.request_id}", headers={"X-API-Key": viewer})
    assert refused.status_code in (401, 403)


def test_handlers_that_share_a_path_all_answer(client: TestClient[Any]) -> None:
    for _ in range(2):
        assert client.get(f"{PATH}/candidate", headers=WHO).json() == {"candidates": []}
        assert client.get(f"{PATH}/rules", headers=WHO).json() == []


def test_options_name_every_method_of_a_path(client: TestClient[Any]) -> None:
    asked = client.options(f"{PATH}/candidate")
    assert (asked.status_code, asked.headers["allow"]) == (204, "DELETE, GET, OPTIONS, PUT")


def test_a_null_in_the_query_is_refused_and_never_taken_for_every_surface(client: TestClient[Any]) -> None:
    for query in ("surface=null", "surface=", "levers=null"):
        assert client.delete(f"{PATH}/hold?{query}", headers=WHO).status_code == 422, query
    assert client.get(f"{PATH}/audit?before=null", headers=WHO).status_code == 422


def test_every_500_names_its_request_in_the_log_and_in_the_problem(
    client: TestClient[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_releases: Releases) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(Releases, "current", broken)
    answer = client.get("/v1/admin/tenants/demo/config", headers=WHO)
    assert answer.status_code == 500
    (said,) = [record.about for record in caplog.records if hasattr(record, "about")]
    assert (said.request_id, said.tenant) == (answer.json()["request_id"], "demo")
