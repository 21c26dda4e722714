"""What a host may be sent back to is ready before anybody asks, within a budget, and stays."""

import os
import time
from pathlib import Path

import pytest
from tests.unit.signals import artifacts
from tests.unit.snapshot.shops import Shop

from recsys.releases import Releases, create_tenant
from recsys.releases.history import History
from recsys.serving.host_state import Kept, TenantState
from recsys.serving.leftovers import Leftovers
from recsys.serving.readying import Readying, contents_before
from recsys.snapshot import prepare

CONTENTS = 4


@pytest.fixture
def shop() -> Shop:
    """Four contents of one surface, the third of them twice, with changes of rules in between."""
    made = Shop()
    create_tenant(made.store, "demo", actor="test")
    releases = Releases(made.store, "demo", actor="test")
    for number in range(CONTENTS):
        popularity = artifacts.popularity({"i01": 1.0 + number, "i02": 2.0})
        releases.ship("home", made.manifest(popularity=popularity), reason="test")
        releases.put_rules(b"[]" if number % 2 else b'[{"id":"r","action":"block","item_ids":["i05"]}]', reason="test")
    return made


def history_of(shop: Shop) -> History:
    return History(shop.store.releases, shop.store.blobs, "demo")


def ready(shop: Shop, root: Path, *, budget_bytes: int) -> tuple[Readying, int]:
    """Let a host that serves the newest get ready; returns how many snapshots it made."""
    head = history_of(shop).head().release.generation
    readying = Readying(root, budget_bytes=budget_bytes)
    until = time.monotonic() + 20
    readying.step(shop.store, {"demo": TenantState(kept=(Kept(generation=head, path="none", log="l", attempt="a"),))})
    while readying._running is not None:
        assert time.monotonic() < until
        readying.step(shop.store, {})
        time.sleep(0.01)
    return readying, len(readying.kept("demo"))


def test_older_contents_are_found_newest_first_and_each_once(shop: Shop) -> None:
    releases = Releases(shop.store, "demo", actor="test")
    first, *_ = (release.generation for release in map(releases.read, range(1, 9)) if "home" in release.surfaces)
    releases.rollback("artifacts", surface="home", to=first, reason="test", no_hold=True)
    history = history_of(shop)
    found = [
        release.surfaces["home"].manifest for _, release in contents_before(history, history.head().release, "home")
    ]
    assert len(found) == len(set(found)) == CONTENTS - 1
    newest = history.record(history.head().release.generation - 1)
    assert found[0] == newest.surfaces["home"].manifest, "what was live before the rollback comes first"


def test_a_rollback_finds_all_that_it_needs(shop: Shop, tmp_path: Path) -> None:
    _readying, made = ready(shop, tmp_path, budget_bytes=1 << 20)
    assert made == CONTENTS - 1
    before = {path: path.stat().st_mtime_ns for path in (*tmp_path.glob("copies/*/*"), *tmp_path.glob("shelves/*/*"))}
    releases = Releases(shop.store, "demo", actor="test")
    oldest = next(release for release in map(releases.read, range(1, 9)) if "home" in release.surfaces)
    releases.rollback("artifacts", surface="home", to=oldest.generation, reason="test", no_hold=True)
    prepare(releases.current(), blobs=shop.store.blobs, root=tmp_path)
    made_now = {*tmp_path.glob("copies/*/*"), *tmp_path.glob("shelves/*/*")} - before.keys()
    assert not [path for path in made_now if "shelves" in path.parts], "nothing was compiled"
    assert all(path.stat().st_mtime_ns == at for path, at in before.items()), "nothing was copied again"


def test_the_budget_is_kept_and_none_is_none(shop: Shop, tmp_path: Path) -> None:
    assert ready(shop, tmp_path / "none", budget_bytes=0)[1] == 0
    assert not (tmp_path / "none").exists()
    assert ready(shop, tmp_path / "small", budget_bytes=100)[1] == 0
    one = sum(path.stat().st_size for path in _copies_of_one(shop, tmp_path / "one"))
    assert 1 <= ready(shop, tmp_path / "one", budget_bytes=one)[1] < CONTENTS - 1


def _copies_of_one(shop: Shop, root: Path) -> list[Path]:
    prepare(history_of(shop).head().release, blobs=shop.store.blobs, root=root)
    return [path for path in root.glob("copies/*/*") if path.suffix == ""]


def test_what_is_ready_is_not_removed_with_what_nobody_needs(shop: Shop, tmp_path: Path) -> None:
    readying, made = ready(shop, tmp_path, budget_bytes=1 << 20)
    long_ago = time.time() - 7200
    for path in tmp_path.rglob("*"):
        os.utime(path, (long_ago, long_ago))
    leftovers = Leftovers(tmp_path)
    leftovers.note("demo")
    leftovers.remove({"demo": TenantState()}, ready=readying.kept)
    assert len(list(tmp_path.glob("snapshots/demo/*"))) == made
    assert list(tmp_path.glob("shelves/demo/*"))


def test_damage_among_the_older_disturbs_nobody(shop: Shop, tmp_path: Path) -> None:
    history = history_of(shop)
    _, release = next(contents_before(history, history.head().release, "home"))
    named = release.surfaces["home"].manifest
    assert named is not None
    shop.store.blobs.delete("demo", named)
    assert ready(shop, tmp_path, budget_bytes=1 << 20)[1] == 0
