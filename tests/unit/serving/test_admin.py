"""The operators' port, asked in this process."""

from collections.abc import Iterator
from typing import Any

import pytest
from litestar.testing import TestClient
from tests.unit.releases.shop import config

from recsys.access import load_directory
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
    with TestClient(admin_app(settings)) as client:
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
