"""Both arms of a surface in one snapshot: what is served, and what a candidate has in its place."""

from pathlib import Path

import msgspec
import pytest
from tests.unit.signals import artifacts
from tests.unit.snapshot.shops import NOW, POPULARITY, Shop, tree

from recsys.encoding import canonical, digest
from recsys.ranking.request import RecommendRequest, SimilarRequest
from recsys.releases.arm import arm_of
from recsys.releases.record import Candidate, Release, Surface
from recsys.snapshot import (
    Snapshot,
    SnapshotRejected,
    collect,
    open_floor,
    open_snapshot,
    prepare,
    recommend,
    similar,
    write_floor,
)

ASK = RecommendRequest(surface="home", k=3)
LIVE_RULES = [{"id": "all", "action": "block", "item_ids": ["i17"]}]
OWN_RULES = [*LIVE_RULES, {"id": "own", "action": "block", "item_ids": ["i02"], "surface": "home"}]
OWN_CONFIG = {"surfaces": {"home": {"limits": {"max_k": 2}}}}


def upside_down(shop: Shop) -> str:
    """Publish a manifest in which what is least popular is most popular."""
    return shop.manifest(popularity=artifacts.popularity({i: 18.0 - likes for i, likes in POPULARITY.items()}))


def tried(shop: Shop, **what: object) -> Release:
    release = shop.release(rules=LIVE_RULES, generation=5, manifests={"home": shop.manifest(), "pdp": _pdp(shop)})
    served = release.surfaces["home"]
    candidate = Candidate(**({"share": 0.5, "since": 5} | what))
    surfaces = {**release.surfaces, "home": Surface(manifest=served.manifest, candidate=candidate)}
    return msgspec.structs.replace(release, surfaces=surfaces)


def _pdp(shop: Shop) -> str:
    return shop.manifest(surface="pdp")


def opened(shop: Shop, release: Release, root: Path) -> Snapshot:
    return open_snapshot(prepare(release, blobs=shop.store.blobs, root=root), verify=True)


def shown(snapshot: Snapshot, arm: str | None = None, **asked: object) -> list[str]:
    request = msgspec.structs.replace(ASK, **asked)
    return [item.item_id for item in recommend(snapshot, request, now=NOW, arm=arm).items]


@pytest.fixture
def whole(tmp_path: Path) -> Snapshot:
    shop = Shop()
    rules, config = shop.put(canonical(OWN_RULES)), shop.put(canonical(OWN_CONFIG))
    return opened(shop, tried(shop, manifest=upside_down(shop), rules=rules, config=config), tmp_path)


def test_each_arm_answers_whole_from_its_own_manifest_rules_and_config(whole: Snapshot) -> None:
    assert shown(whole) == shown(whole, "control") == ["i16", "i15", "i14"]
    assert shown(whole, "candidate") == ["i01", "i03"]  # i02 is blocked, and two are the most
    near = similar(whole, SimilarRequest(surface="home", item_id="i01", k=3), now=NOW, arm="candidate")
    assert [item.item_id for item in near.items] == ["i03", "i04"]


def test_other_surfaces_have_one_arm(whole: Snapshot) -> None:
    assert shown(whole, "candidate", surface="pdp") == shown(whole, surface="pdp") == ["i16", "i15", "i14"]
    assert whole.arm("pdp", "candidate") is whole


@pytest.mark.parametrize("carries", [("manifest",), ("rules",), ("config",), ("manifest", "rules", "config")])
def test_the_arm_is_byte_for_byte_what_promoting_it_would_serve(tmp_path: Path, carries: tuple[str, ...]) -> None:
    shop = Shop()
    everything = {
        "manifest": upside_down(shop),
        "rules": shop.put(canonical(OWN_RULES)),
        "config": shop.put(canonical(OWN_CONFIG)),
    }
    release = tried(shop, **{name: everything[name] for name in carries})
    arm = opened(shop, release, tmp_path).arm("home", "candidate")
    promoted, made = arm_of(release, "home", lambda named: shop.store.blobs.read("demo", named))
    for data in made:
        shop.put(data)
    live = opened(shop, promoted, tmp_path)
    for name in ("config_version", "rules_version", "release", "config", "rules"):
        assert getattr(arm, name) == getattr(live, name)
    assert arm.manifest_version("home") == live.manifest_version("home")
    assert arm.data_until("home") == live.data_until("home")
    asked = msgspec.structs.replace(ASK, k=20)
    assert recommend(arm, asked, now=NOW) == recommend(live, asked, now=NOW)


def test_a_candidate_of_rules_alone_compiles_and_maps_nothing_more(tmp_path: Path) -> None:
    shop = Shop()
    plain = msgspec.structs.replace(
        tried(shop), surfaces={name: Surface(manifest=served.manifest) for name, served in tried(shop).surfaces.items()}
    )
    prepare(plain, blobs=shop.store.blobs, root=tmp_path)
    before = set(tree(tmp_path))
    rules = shop.put(canonical(OWN_RULES))
    snapshot = opened(shop, tried(shop, rules=rules), tmp_path)
    new = {name for name in set(tree(tmp_path)) - before if not name.startswith("snapshots/")}
    assert new == {f"copies/demo/{rules.removeprefix('sha256:')}"}
    assert snapshot.arm("home", "candidate").shelf("home") is snapshot.shelf("home")


def test_a_release_without_a_candidate_has_no_arms_and_is_prepared_as_ever(tmp_path: Path) -> None:
    shop = Shop()
    path = prepare(shop.release(), blobs=shop.store.blobs, root=tmp_path)
    assert b"arms" not in (path / "snapshot.json").read_bytes()
    assert not open_snapshot(path).arms


def test_what_a_newer_release_withdraws_is_out_of_both_arms(whole: Snapshot) -> None:
    bound = whole.without(frozenset({"i16", "i01"}))
    assert "i16" not in shown(bound)
    assert shown(bound, "candidate") == ["i03", "i04"]


def test_the_floor_is_what_the_surface_serves(whole: Snapshot, tmp_path: Path) -> None:
    write_floor(whole, tmp_path / "floor")
    answer = open_floor(tmp_path / "floor").answer(ASK, now=NOW)
    assert [item.item_id for item in answer.items] == ["i16", "i15", "i14"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda shop: {"manifest": shop.put(b"not json")}, "not JSON"),
        (lambda shop: {"manifest": _pdp(shop)}, "built for surface pdp"),
        (lambda shop: {"manifest": shop.manifest(popularity=artifacts.popularity({}))}, "popularity artifact"),
        (lambda shop: {"rules": shop.put(canonical([{"id": "x", "action": "hide"}]))}, "rules of candidate home-5"),
        (lambda shop: {"config": shop.put(canonical({"wieghts": {}}))}, "config of candidate home-5"),
        (lambda shop: {"rules": "sha256:" + "0" * 64}, "rules of candidate home-5"),
        (lambda _shop: {"share": 1.5}, "candidate home-5: a share of 1.5"),
        (lambda _shop: {"share": 0.0}, "candidate home-5: a share of 0"),
        (
            lambda shop: {"rules": shop.put(canonical([{**LIVE_RULES[0], "surface": "home"}]))},
            "candidate home-5: rule `all` of home cannot come back",
        ),
    ],
)
def test_a_candidate_that_cannot_be_served_rejects_the_release(tmp_path: Path, make, said: str) -> None:
    shop = Shop()
    with pytest.raises(SnapshotRejected) as refused:
        prepare(tried(shop, **make(shop)), blobs=shop.store.blobs, root=tmp_path)
    assert said in refused.value.reason


def test_damage_to_what_only_the_candidate_needs_is_found_at_opening(tmp_path: Path) -> None:
    shop = Shop()
    rules = canonical(OWN_RULES)
    path = prepare(tried(shop, rules=shop.put(rules)), blobs=shop.store.blobs, root=tmp_path)
    copy = tmp_path / "copies/demo" / digest(rules).removeprefix("sha256:")
    copy.write_bytes(copy.read_bytes()[:-1])
    with pytest.raises(SnapshotRejected):
        open_snapshot(path)


def test_collecting_keeps_what_a_candidate_needs(tmp_path: Path) -> None:
    shop = Shop()
    path = prepare(
        tried(shop, manifest=upside_down(shop), rules=shop.put(canonical(OWN_RULES))),
        blobs=shop.store.blobs,
        root=tmp_path,
    )
    collect(tmp_path, keep=[path], grace_s=-1)
    assert shown(open_snapshot(path, verify=True), "candidate") == ["i01", "i03", "i04"]
