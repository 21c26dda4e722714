"""What may not be shipped, though it parses."""

import msgspec
import pytest
from tests.unit.releases.shop import TENANT, Shop, opened, popularity, publish
from tests.unit.signals import artifacts
from tests.unit.snapshot.poisons import POISONS
from tests.unit.snapshot.shops import Shop as Stocked

from recsys.releases import ArtifactRef, UnfitRelease, Window
from recsys.releases.closure import Closure
from recsys.releases.manifest import read_manifest


def refused(shop: Shop, manifest: str, problem: str) -> None:
    before = shop.theirs.current()
    with pytest.raises(UnfitRelease, match=problem) as error:
        shop.ours.ship("home", manifest)
    assert "nothing was changed" in error.value.next_step
    assert shop.theirs.current() == before


def test_a_manifest_that_is_not_there():
    refused(opened(), "sha256:" + "0" * 64, "nothing under")


def test_a_manifest_that_is_not_one():
    shop = opened()
    refused(shop, shop.store.blobs.put(TENANT, b"[]"), "manifest")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"tenant": "other"}, "belongs to tenant other"),
        ({"surface": "pdp"}, "built for surface pdp"),
        ({"signals": {}}, "names no signal"),
        ({"format": 2}, "format 2"),
        ({"window": Window(start="2026-11-01", end="soon")}, "not two days"),
        ({"window": Window(start="2026-11-23", end="2026-11-22")}, "before it begins"),
    ],
)
def test_a_manifest_of_something_else(change, problem):
    shop = opened()
    if "tenant" in change:
        from recsys.encoding import canonical
        from recsys.releases import Manifest

        own = shop.m(1)
        manifest = msgspec.json.decode(shop.store.blobs.read(TENANT, own), type=Manifest)
        named = shop.store.blobs.put(TENANT, canonical(msgspec.structs.replace(manifest, **change)))
    else:
        named = publish(
            shop.store,
            **({"surface": change["surface"]} if "surface" in change else {}),
            **{k: v for k, v in change.items() if k != "surface"},
        )
    refused(shop, named, problem)


def refs(data: bytes, shop: Shop, **more: object) -> ArtifactRef:
    known: dict[str, object] = {"rows": 3, "size_bytes": len(data)}
    return ArtifactRef(artifact=shop.store.blobs.put(TENANT, data), **(known | more))


@pytest.mark.parametrize(
    ("name", "data", "more", "problem"),
    [
        ("popularity", popularity(tenant="other"), {}, "belongs to tenant other"),
        ("cooc", popularity(), {}, "popularity"),
        ("popularity", popularity()[:-64], {}, "popularity artifact"),
        ("popularity", popularity()[:100], {}, "popularity artifact"),
        ("popularity", b"", {}, "not a columnar blob"),
        ("popularity", popularity() + b"\0" * 64, {}, "popularity artifact"),
        ("popularity", popularity(), {"size_bytes": 5}, "the manifest says 5"),
        ("popularity", popularity(), {"scope": "surface"}, "computed for"),
        ("popularity", popularity(scope="surface", surface="pdp"), {"scope": "surface"}, "computed for"),
        ("popularity", popularity(scope="surface", surface="home"), {}, "computed for"),
        ("popularity", popularity(), {"scope": "segment"}, "segment and scope disagree"),
        ("popularlity", popularity(), {}, "did you mean `popularity`"),
    ],
)
def test_an_artifact_that_must_not_be_served(name, data, more, problem):
    shop = opened()
    refused(shop, publish(shop.store, signals={name: (refs(data, shop, **more),)}), problem)


def test_every_flipped_bit_of_the_head_of_an_artifact_is_found():
    """The blob is stored under its own right digest, so only the checks of the format can tell."""
    shop = opened()
    good = popularity()
    for at in range(0, min(len(good), 1200), 7):
        bad = bytearray(good)
        bad[at] ^= 0x10
        try:
            shop.ours.ship("home", publish(shop.store, signals={"popularity": (refs(bytes(bad), shop),)}), dry_run=True)
        except UnfitRelease:
            continue
        assert bad[at : at + 1] != good[at : at + 1]  # it opened: then what changed is a value that checks allow


def test_two_artifacts_for_one_scope():
    shop = opened()
    one, two = refs(popularity(), shop), refs(popularity(likes=5), shop)
    refused(shop, publish(shop.store, signals={"popularity": (one, two)}), "two artifacts for one scope")


def test_an_artifact_that_is_missing_or_damaged_in_the_store():
    shop = opened()
    manifest = shop.m(1)
    key = shop.store.blobs.key(TENANT, shop.store.blobs.put(TENANT, popularity()))
    data = shop.store.objects.read(key)
    shop.store.objects.replace(key, data[:-1])
    refused(shop, manifest, "damaged")
    shop.store.objects.delete(key)
    refused(shop, manifest, "nothing under")
    shop.store.objects.replace(key, data)
    assert shop.ours.ship("home", manifest).committed


def test_what_was_in_force_is_only_looked_for():
    shop = opened()
    shop.theirs.ship("home", publish(shop.store))
    key = shop.store.blobs.key(TENANT, shop.store.blobs.put(TENANT, popularity()))
    shop.store.objects.replace(key, b"damaged since; found by verify, not by every ship")
    assert shop.ours.ship("home", publish(shop.store, inputs="others")).committed
    shop.store.objects.delete(key)
    with pytest.raises(UnfitRelease, match="is not in the store"):
        shop.ours.ship("home", publish_without_rewriting(shop, key))


def publish_without_rewriting(shop: Shop, key: str) -> str:
    named = publish(shop.store, inputs="yet others")
    shop.store.objects.delete(key)
    return named


def test_a_ship_notices_when_another_surface_lost_what_it_names():
    shop = opened()
    lost = shop.m(7, "pdp")
    shop.theirs.ship("pdp", lost)
    shop.store.objects.delete(shop.store.blobs.key(TENANT, lost))
    with pytest.raises(UnfitRelease, match="of pdp"):
        shop.ours.ship("home", shop.m(1))
    assert shop.ours.hold(reason="brakes work").committed
    assert shop.ours.rollback("artifacts", surface="pdp", to=1).committed
    assert not shop.ours.rollback("config", to=1).changed


def test_evidence_must_be_there():
    shop = opened()
    with pytest.raises(UnfitRelease, match="evidence"):
        shop.ours.ship("home", shop.m(1), evidence=["sha256:" + "0" * 64])
    report = shop.store.blobs.put(TENANT, b"{}")
    assert shop.ours.ship("home", shop.m(1), evidence=[report]).release.evidence == (report,)


def test_large_artifacts_are_checked_through_a_mapped_copy(monkeypatch):
    monkeypatch.setattr("recsys.releases.closure.MAPPED_FROM_BYTES", 10)
    shop = opened()
    assert shop.ours.ship("home", shop.m(1)).committed
    refused(shop, publish(shop.store, signals={"popularity": (refs(popularity(tenant="x"), shop),)}), "tenant x")
    refused(
        shop, publish(shop.store, signals={"popularity": (refs(popularity(likes=3), shop, size_bytes=11),)}), "says 11"
    )


@pytest.mark.parametrize("name", POISONS)
def test_a_poisoned_artifact_is_refused_before_the_commit(name):
    shop = Stocked()
    release = shop.release(manifests={"home": shop.manifest(**POISONS[name])})
    kind = next(iter(POISONS[name]))
    with pytest.raises(UnfitRelease, match=f"{kind} artifact sha256:"):
        Closure(shop.store.blobs, "demo").check_whole(release)


def test_items_of_another_shop_are_refused_although_the_catalogue_is_in_force_already():
    shop = opened()
    shop.ours.ship("home", shop.m(1))
    strange = artifacts.popularity({"u1": 3.0, "u2": 1.0})
    refused(shop, publish(shop.store, data=strange), "none of its items is in the catalogue")


def test_a_catalogue_in_force_that_was_damaged_since_does_not_keep_a_signal_out():
    shop = opened()
    shop.ours.ship("home", shop.m(1))
    own = shop.ours.current().surfaces["home"].manifest
    sold = read_manifest(shop.store.blobs.read(TENANT, own)).catalog
    shop.store.objects.replace(shop.store.blobs.key(TENANT, sold.artifact), b"damaged")
    manifest = publish(shop.store, data=popularity(likes=2), catalog=sold)
    shop.store.objects.replace(shop.store.blobs.key(TENANT, sold.artifact), b"damaged")
    assert shop.ours.ship("home", manifest).release.surfaces["home"].manifest == manifest


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (lambda ref: {"signals": {"popularity": (ref,), "cooc": (ref,)}}, "the blob says it is popularity"),
        (
            lambda ref: {"signals": {"popularity": (msgspec.structs.replace(ref, size_bytes=12),)}},
            "the manifest says 12",
        ),
    ],
)
def test_an_artifact_in_force_is_checked_again_when_it_comes_as_something_else(other, problem):
    shop = opened()
    shop.ours.ship("home", shop.m(1))
    own = read_manifest(shop.store.blobs.read(TENANT, shop.m(1)))
    refused(shop, publish(shop.store, **other(own.signals["popularity"][0])), problem)
