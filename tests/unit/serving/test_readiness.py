"""A host is ready when it can return items for the tenants it serves, and not before."""

from pathlib import Path

import pytest
from tests.integration.serving.shops import Shop, until
from tests.unit.serving.hosts import Host

from recsys import releases
from recsys.access import create_tenant
from recsys.serving.host_state import HostState
from recsys.serving.readiness import Readiness
from recsys.store.log import ObjectLog


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.ship("a")
    return made


@pytest.fixture
def one_look(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Let looks at heads cost something, as on a bucket, and allow one a minute: the first is there at once."""
    always = property(lambda _: 1.0, lambda _, given: None)
    monkeypatch.setattr(ObjectLog, "pace_s", always, raising=False)
    return {"head_requests_per_s": 1 / 60}


def missing(host: Host) -> list[str]:
    """Ask as a worker that was not ready before."""
    return Readiness(host.workers).missing()


def ready(host: Host) -> None:
    def stepped() -> bool:
        host.step()
        return not missing(host)

    until(stepped, "the host to be ready")


def test_a_fresh_host_is_not_ready_before_it_has_looked_at_every_tenant(shop: Shop, one_look: dict[str, float]) -> None:
    create_tenant(shop.store, "bare", actor="tests")
    host = Host(shop, **one_look)
    assert missing(host) == ["no release has been seen yet"]
    host.step_until(lambda: (host.state() or HostState(run="", boot="", written_at=0.0)).unreleased, "a first look")
    assert missing(host) == ["tenant demo has not been looked at yet"]
    host.places.refresh.touch()
    ready(host)
    view = host.workers.view("demo")
    assert view is not None
    assert view.snapshot is not None


def test_a_tenant_that_never_had_a_release_keeps_nobody_from_being_ready(shop: Shop) -> None:
    create_tenant(shop.store, "bare", actor="tests")
    host = Host(shop)
    ready(host)
    assert host.workers.unreleased == {"bare"}


def test_nor_does_it_after_a_restart_without_the_store(shop: Shop) -> None:
    create_tenant(shop.store, "bare", actor="tests")
    host = Host(shop)
    ready(host)
    shop.take_store_away()
    host.restart()
    assert missing(host) == []
    host.step()
    assert missing(host) == []


def test_with_nothing_left_but_its_floor_a_host_is_ready(shop: Shop) -> None:
    host = Host(shop)
    ready(host)
    shop.take_store_away()
    for name in ("host.json", "host.json.before"):
        (shop.root / "host" / name).write_bytes(b"{")
    host.restart()
    host.step_until(lambda: host.state() is not None, "the follower to speak")
    assert missing(host) == []
    host.places.floor("demo").unlink()
    host.workers.views.clear()
    assert missing(host) == ["tenant demo has not been looked at yet"]


def test_a_tenant_made_later_does_not_make_a_ready_worker_unready(shop: Shop, one_look: dict[str, float]) -> None:
    host = Host(shop, **one_look)
    ready(host)
    worker = Readiness(host.workers)
    assert worker.missing() == []
    releases.create_tenant(shop.store, "later", actor="tests")
    host.step_until(lambda: b'"later"' in host.places.access.read_bytes(), "the new tenant to be known")
    assert missing(host) == ["tenant later has not been looked at yet"]
    assert worker.missing() == []
