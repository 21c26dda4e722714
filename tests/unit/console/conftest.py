"""The console's door for every test of this folder."""

from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from tests.unit.console.doors import Door
from tests.unit.releases.shop import config

from recsys.access import create_key
from recsys.console import PAGES
from recsys.releases import Releases, create_tenant
from recsys.serving import Settings
from recsys.serving.admin import admin_app
from recsys.store import open_store


@pytest.fixture
def door(tmp_path: Path) -> Any:
    store = open_store(tmp_path / "store")
    keys = {}
    for tenant in ("demo", "other"):
        create_tenant(store, tenant, actor="tests")
    for role in ("client", "viewer", "operator", "admin"):
        keys[role] = create_key(store, "demo", role, actor="tests").secret
    keys["other"] = create_key(store, "other", "viewer", actor="tests").secret
    releases = Releases(store, "demo", actor="tests")
    releases.put_config(config(limits={"max_k": 7}), reason="more")
    settings = Settings(store=str(tmp_path / "store"), host_dir=str(tmp_path / "host"))
    with TestClient(admin_app(settings, pages=(PAGES,)), raise_server_exceptions=False) as client:
        client.follow_redirects = False
        made = Door(client, keys, releases, settings)
        made.read_keys_again()
        yield made
