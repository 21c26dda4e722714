"""The pages of documents, asked in this process: with the store away they show what this host serves."""

from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from tests.unit.snapshot.shops import Shop

from recsys.access import create_key, load_directory
from recsys.console import PAGES
from recsys.encoding import canonical
from recsys.releases import Releases, create_tenant
from recsys.serving import Settings
from recsys.serving.admin import admin_app
from recsys.serving.clock import boot_id, since_boot
from recsys.serving.host_state import HostState, Kept, Places, TenantState, write_host_state
from recsys.snapshot import prepare
from recsys.store import open_store


@pytest.fixture
def client(tmp_path: Path) -> Any:
    """An operator of a tenant whose host keeps what the store, gone since, had released."""
    folder, places = tmp_path / "store", Places(tmp_path / "host")
    store = open_store(folder)
    create_tenant(store, "demo", actor="tests")
    key = create_key(store, "demo", "operator", actor="tests").secret
    releases = Releases(store, "demo", actor="tests")
    releases.ship("home", Shop(store).manifest())
    releases.put_config(canonical({"weights": {"cooc": 0.5}}))
    rule = {"id": "no 16", "action": "block", "item_ids": ["i16"]}
    head = releases.put_rules(canonical([rule])).release
    path = prepare(head, blobs=store.blobs, root=places.root)
    kept = Kept(generation=head.generation, path=str(path.relative_to(places.root)), log=head.log, attempt=head.attempt)
    tenants = {"demo": TenantState(kept=(kept,), head=head.generation, log=head.log)}
    state = HostState(run="run", boot=boot_id(), written_at=since_boot(), tenants=tenants)
    write_host_state(places.state, state, durable=False)
    places.access.write_bytes(load_directory(store).encode())
    settings = Settings(store=str(folder), host_dir=str(places.root))
    with TestClient(admin_app(settings, pages=(PAGES,)), raise_server_exceptions=False) as made:
        made.follow_redirects = False
        made.post("/console/sign-in", data={"credential": key}, headers={"Origin": "http://testserver.local"})
        folder.rename(tmp_path / "gone")
        yield made


def test_rules_of_this_host_are_shown_and_nothing_is_offered_that_needs_the_store(client: Any) -> None:
    page = client.get("/console/t/demo/documents")
    assert page.status_code == 200
    assert "The store is away." in page.text
    assert 'id="rule-no%2016"' in page.text
    assert "Thing 16" in page.text
    assert "Edit the rules" not in page.text
    assert "Switch off" not in page.text


def test_so_is_the_config(client: Any) -> None:
    page = client.get("/console/t/demo/documents/config")
    assert page.status_code == 200
    assert "The store is away." in page.text
    assert "weights.cooc" in page.text


def test_what_needs_the_store_says_so_as_a_page(client: Any) -> None:
    for path in ("documents/edit/rules", "documents/switch?rule=no%2016&on=false"):
        page = client.get(f"/console/t/demo/{path}")
        assert page.status_code in (404, 503)  # never opened, or opened and gone
        assert "What to do" in page.text


def test_asking_as_somebody_goes_on(client: Any) -> None:
    page = client.get("/console/t/demo/try?surface=home&k=3")
    assert page.status_code == 200
    assert "Thing 17" in page.text
    assert "FALLBACK_DISK" in page.text
    part = client.get("/console/t/demo/try?surface=home&at=2", headers={"HX-Request": "true"})
    assert "The store is away, and this needs it." in part.text


def test_there_are_two_documents_and_no_other(client: Any) -> None:
    assert client.get("/console/t/demo/documents/edit/secrets").status_code == 404
