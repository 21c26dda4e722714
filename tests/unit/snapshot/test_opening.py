"""Opening and asking a snapshot, and the floor below it."""

from pathlib import Path

import msgspec
import pytest
from tests.unit.snapshot.shops import NOW, Shop

from recsys.ranking.request import (
    Candidates,
    Constraints,
    Context,
    RecommendRequest,
    SimilarRequest,
)
from recsys.snapshot import (
    Snapshot,
    SnapshotRejected,
    open_floor,
    open_snapshot,
    prepare,
    recommend,
    similar,
    write_floor,
)
from recsys.snapshot.layout import Contents

BLOCK_WOOL = {"id": "no-wool", "action": "block", "target_type": "tag", "target_key": "wool"}
LATER = {"id": "later", "action": "block", "item_ids": ["i17"], "valid_from": "2030-01-01T00:00:00Z"}


def opened(root: Path, shop: Shop | None = None, **how: object) -> Snapshot:
    shop = shop or Shop()
    return open_snapshot(prepare(shop.release(**how), blobs=shop.store.blobs, root=root))


def ids(answer: object) -> list[str]:
    return [item.item_id for item in answer.items]


def codes(answer: object) -> list[str]:
    return [warning.code for warning in answer.warnings]


def test_a_snapshot_says_what_it_serves(tmp_path: Path) -> None:
    shop = Shop()
    manifest = shop.manifest()
    release = shop.release(config={"freshness_slo_h": 3.0}, manifests={"home": manifest})
    snapshot = open_snapshot(prepare(release, blobs=shop.store.blobs, root=tmp_path))
    assert (snapshot.tenant, snapshot.generation, snapshot.surfaces()) == ("demo", 1, ["home"])
    assert (snapshot.config_version, snapshot.rules_version) == (release.config, release.rules)
    assert snapshot.config.freshness_slo_h == 3.0
    assert snapshot.manifest_version("home") == manifest
    assert snapshot.manifest_version("pdp") is None
    assert snapshot.data_until("home") == 1795392000.0  # the end of 2026-11-22
    assert snapshot.data_until("pdp") is None
    assert snapshot.titles(["i03", "x1", "nothing"]) == {"i03": "Thing 3"}
    assert snapshot.release == release


def test_opening_needs_no_store_and_finds_every_damage(tmp_path: Path) -> None:
    shop = Shop()
    path = prepare(shop.release(), blobs=shop.store.blobs, root=tmp_path)
    open_snapshot(path, verify=True)
    contents = msgspec.json.decode((path / "snapshot.json").read_bytes().partition(b"\n")[2], type=Contents)
    needed = [path / "snapshot.json", *(tmp_path / file.path for file in contents.files())]
    assert len(needed) == 6
    for file in needed:
        good = file.read_bytes()
        file.write_bytes(good[:-1])
        with pytest.raises(SnapshotRejected):
            open_snapshot(path)
        file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        with pytest.raises(SnapshotRejected):
            open_snapshot(path, verify=True)
        file.unlink()
        with pytest.raises(SnapshotRejected):
            open_snapshot(path)
        file.write_bytes(good)
    open_snapshot(path, verify=True)


def test_an_unknown_surface_is_answered_with_a_warning(tmp_path: Path) -> None:
    snapshot = opened(
        tmp_path, rules=[BLOCK_WOOL, {"id": "h", "action": "block", "item_ids": ["i17"], "surface": "home"}]
    )
    answer = recommend(snapshot, RecommendRequest(surface="hoem", k=3), now=NOW)
    assert (ids(answer), codes(answer)) == (["i17", "i15", "i13"], ["UNKNOWN_SURFACE"])
    nowhere = opened(tmp_path, manifests={})
    answer = recommend(nowhere, RecommendRequest(surface="home"), now=NOW)
    assert (ids(answer), codes(answer)) == ([], ["UNKNOWN_SURFACE"])


def test_similar_gives_neighbours_first_and_never_the_item_itself(tmp_path: Path) -> None:
    snapshot = opened(tmp_path)
    answer = similar(snapshot, SimilarRequest(surface="home", item_id="i01", k=4), now=NOW)
    assert ids(answer) == ["i02", "i03", "i17", "i16"]
    assert codes(answer) == []
    answer = similar(snapshot, SimilarRequest(surface="home", item_id="unknown", k=2), now=NOW)
    assert (ids(answer), codes(answer)) == (["i17", "i16"], ["SIGNAL_PARTIAL"])


@pytest.fixture
def floor(tmp_path: Path) -> Path:
    return tmp_path / "floor" / "demo.floor"


def test_the_floor_shows_configured_items_then_popular_ones(tmp_path: Path, floor: Path) -> None:
    write_floor(opened(tmp_path, config={"floor_items": ["i03", "off-catalogue", "i07"]}), floor)
    answer = open_floor(floor).answer(RecommendRequest(surface="home", k=5), now=NOW)
    assert ids(answer) == ["i03", "off-catalogue", "i17", "i16", "i15"]  # i07 cannot be had
    assert codes(answer) == ["FALLBACK_FLOOR"]


def test_nothing_withdrawn_blocked_excluded_or_constrained_is_shown_on_the_floor(tmp_path: Path, floor: Path) -> None:
    snapshot = opened(
        tmp_path,
        rules=[BLOCK_WOOL, LATER],
        withdrawn=["i15", "i11"],
        config={"floor_items": ["i15", "i16", "i17", "off-catalogue"]},
    )
    write_floor(snapshot, floor)
    read = open_floor(floor)
    everything = set(ids(read.answer(RecommendRequest(surface="home", k=200), now=NOW)))
    assert {"i17", "off-catalogue"} <= everything
    assert not everything & {"i15", "i11", "i07", "i16"}
    assert not any(int(item[1:]) % 2 == 0 for item in everything if item.startswith("i"))
    later = ids(read.answer(RecommendRequest(surface="home", k=200), now=NOW + 1e9))
    assert "i17" not in later  # a window that opens after the floor was written
    asked = RecommendRequest(
        surface="home",
        k=200,
        candidates=Candidates(exclude_ids=("i17",)),
        constraints=Constraints(required_tags=("red",), max_price=9.0),
        context=Context(country="FR"),
    )
    assert ids(read.answer(asked, now=NOW)) == ["i05", "i03", "i01"]  # i09 is for GB alone
    near = read.answer(SimilarRequest(surface="home", item_id="i17", k=3), now=NOW)
    assert "i17" not in ids(near)


def test_the_floor_answers_surfaces_and_tenants_without_anything_else(tmp_path: Path, floor: Path) -> None:
    write_floor(opened(tmp_path), floor)
    answer = open_floor(floor).answer(RecommendRequest(surface="pdp", k=1), now=NOW)
    assert (ids(answer), codes(answer)) == (["i17"], ["FALLBACK_FLOOR", "UNKNOWN_SURFACE"])
    write_floor(opened(tmp_path, manifests={}, config={"floor_items": ["a", "b"]}, withdrawn=["a"]), floor)
    assert ids(open_floor(floor).answer(RecommendRequest(surface="pdp"), now=NOW)) == ["b"]


def test_of_two_floors_the_damaged_one_is_passed_over(tmp_path: Path, floor: Path) -> None:
    write_floor(opened(tmp_path), floor)
    write_floor(opened(tmp_path, generation=2), floor)
    good = floor.read_bytes()
    assert open_floor(floor).generation == 2
    for bad in (b"", good[:-1], good[:-1] + b"?", b"{}", good.replace(b'"generation":2', b'"generation":9')):
        floor.write_bytes(bad)
        assert open_floor(floor).generation == 1
    write_floor(opened(tmp_path, generation=3), floor)  # a damaged one is not kept in place of the good one
    floor.unlink()
    assert open_floor(floor).generation == 1
    floor.with_name(f"{floor.name}.before").write_bytes(b"")
    with pytest.raises(SnapshotRejected, match="no floor"):
        open_floor(floor)
