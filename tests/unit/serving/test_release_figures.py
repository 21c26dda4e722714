"""What a host's releases come to in figures, from its own disk."""

import time
from pathlib import Path

import pytest
from tests.integration.serving.shops import Shop
from tests.unit.serving.hosts import Host

from recsys.serving.release_figures import release_figures

DAY_S = 86400.0


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def figures(host: Host, *, after_s: float = 0.0) -> dict[tuple[str, str], float]:
    """Value by metric and surface."""
    found = release_figures(host.places.root, host.state(), now=lambda: time.time() + after_s)
    return {(one.name, sample.labels.get("surface", "-")): sample.value for one in found for sample in one.samples}


def test_data_grows_old_against_the_objective_of_its_surface(shop: Shop):
    host = Host(shop)
    shop.ship("a")
    shop.releases.put_config(b'{"freshness_slo_h": 24, "surfaces": {"home": {"freshness_slo_h": 6}}}')
    host.follow(3)
    assert figures(host)["recsys_data_age_seconds", "home"] == 0.0
    later = figures(host, after_s=3 * DAY_S)
    assert 2 * DAY_S - 1 < later["recsys_data_age_seconds", "home"] <= 3 * DAY_S
    assert later["recsys_data_objective_seconds", "home"] == 6 * 3600


def test_the_oldest_hold_of_a_surface_counts_and_one_that_is_lifted_does_not(shop: Shop):
    host = Host(shop)
    shop.ship("a")
    shop.releases.hold(surface="home", levers=("config",), reason="one")
    shop.releases.hold(reason="all")
    host.follow(4)
    found = figures(host, after_s=100.0)
    assert found["recsys_held_seconds", "home"] >= 100
    assert found["recsys_held_seconds", ""] >= 100
    shop.releases.resume(reason="over")
    host.follow(5)
    assert ("recsys_held_seconds", "") not in figures(host)
    assert ("recsys_held_seconds", "home") in figures(host)


def test_a_release_that_is_refused_and_a_pin_are_told(shop: Shop):
    host = Host(shop)
    shop.ship("a")
    shop.ship("b")
    host.follow(3)
    assert figures(host)["recsys_release_refused", "-"] == 0
    host.pin(3)
    manifest = shop.manifest("c")
    shop.releases.ship("home", manifest, reason="ship c")
    digest = manifest.removeprefix("sha256:")
    blob = shop.root / "store/blobs/demo/sha256" / digest[:2] / digest
    blob.chmod(0o644)
    blob.write_bytes(b"{}")
    host.reject(4)
    found = figures(host)
    assert (found["recsys_release_refused", "-"], found["recsys_pinned", "-"]) == (1, 1)


def test_a_damaged_copy_has_no_figures_and_costs_nobody_theirs(shop: Shop):
    host = Host(shop)
    shop.ship("a")
    host.follow(2)
    for path in host.places.root.rglob("snapshot.json"):
        path.write_bytes(path.read_bytes()[:-5])
    found = figures(host)
    assert found["recsys_release_refused", "-"] == 0
    assert ("recsys_data_age_seconds", "home") not in found


def test_without_a_state_there_is_nothing(shop: Shop):
    assert figures(Host(shop)) == {}
