"""Seeing: list, diff, verify, and following the log as a reader does."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as other
from tests.unit.releases.shop import TENANT, Shop, config, opened, popularity, publish, rules

from recsys.errors import UsageError
from recsys.releases import ArtifactRef, DamagedRecord, LogForked, NoReleases, Releases, UnknownGeneration, Window
from recsys.store import open_store


def busy() -> Shop:
    shop = opened()
    shop.theirs.ship("home", shop.m(1))  # 2
    shop.theirs.put_config(config(weights={"pop": 1}))  # 3
    shop.theirs.put_rules(rules("a"))  # 4
    shop.theirs.withdraw(["mug"])  # 5
    return shop


def test_releases_are_listed_newest_first_page_by_page():
    shop = busy()
    first = shop.ours.list(limit=2)
    assert [r.generation for r in first.releases] == [5, 4]
    second = shop.ours.list(limit=2, before=first.next)
    assert [r.generation for r in second.releases] == [3, 2]
    last = shop.ours.list(limit=2, before=second.next)
    assert [r.generation for r in last.releases] == [1]
    assert last.next is None
    assert [r.generation for r in shop.ours.list(before=99).releases] == [5, 4, 3, 2, 1]
    assert shop.ours.list(before=1).releases == ()
    with pytest.raises(UsageError):
        shop.ours.list(limit=0)


def test_a_page_that_ends_at_the_first_has_no_next():
    assert busy().ours.list(limit=5).next is None


def test_reading_what_is_not_there():
    shop = busy()
    assert Releases(shop.store, "nobody", actor="us").head() is None
    with pytest.raises(NoReleases):
        Releases(shop.store, "nobody", actor="us").current()
    with pytest.raises(UnknownGeneration):
        shop.ours.read(6)
    with pytest.raises(UsageError):
        shop.ours.read(0)


def test_a_diff_says_what_a_person_would_ask():
    shop = busy()
    data = popularity(likes=9)
    ref = ArtifactRef(
        artifact=shop.store.blobs.put(TENANT, data), rows=4, size_bytes=len(data), params={"half_life_days": 7}
    )
    window = Window(start="2026-11-02", end="2026-11-23")
    shop.theirs.ship("home", publish(shop.store, window=window, signals={"popularity": (ref,)}))  # 6
    shop.theirs.put_config(config(weights={"pop": 2, "cooc": 1}, surfaces={"home": {"limits": {"max_k": 3}}}))  # 7
    shop.theirs.put_rules(rules("a", priority=3)[:-1] + b"," + rules("b")[1:])  # 8
    shop.theirs.withdraw(["cup"])
    shop.theirs.restore_items(["mug"])
    shop.theirs.hold(surface="home", levers=["rules"], reason="freeze")
    diff = shop.ours.diff(5, shop.theirs.current().generation)
    assert diff.lines() == [
        "config surfaces.home.limits.max_k: none → 3",
        "config weights.cooc: none → 1",
        "config weights.pop: 1 → 2",
        "rule added: b",
        "rule a: priority: none → 3",
        f"home: manifest {shop.theirs.read(2).surfaces['home'].manifest[:19]} → "
        f"{shop.theirs.current().surfaces['home'].manifest[:19]}",
        "home: days 2026-11-01..2026-11-22 → 2026-11-02..2026-11-23",
        "home: popularity (tenant) rows 3 → 4, half_life_days: none → 7",
        "withdrawn: cup",
        "served again: mug",
        "held: rules of home by them: freeze",
    ]


def test_a_diff_reads_the_same_backwards_and_of_nothing_says_so():
    shop = busy()
    there, back = shop.ours.diff(1, 5), shop.ours.diff(5, 1)
    assert there.rules.added == back.rules.removed == ("a",)
    assert there.withdrawn == back.restored == ("mug",)
    assert there.surfaces[0].manifest == tuple(reversed(back.surfaces[0].manifest))
    assert shop.ours.diff(3, 3).lines() == ["generations 3 and 3 have the same content"]


def test_a_sound_log_verifies():
    found = busy().ours.verify()
    assert found.sound
    assert (found.generations, found.blobs) == (5, 8)
    assert found.document()["sound"] is True


def rewrite(shop: Shop, generation: int, **changes: object) -> None:
    key = f"releases/{TENANT}/{generation:010d}.json"
    shop.store.objects.replace(key, other(shop.theirs.read(generation), **changes).encode())


@pytest.mark.parametrize("generation", [1, 2, 3, 4])
def test_an_edited_record_breaks_the_chain_after_it(generation):
    shop = busy()
    rewrite(shop, generation, reason="nothing to see here")
    found = shop.ours.verify()
    assert [(f.generation, f.what) for f in found.findings] == [(generation + 1, "chain")]


def test_dropped_swapped_and_garbled_records_are_found():
    shop = busy()
    shop.store.objects.delete(f"releases/{TENANT}/0000000003.json")
    assert [(f.generation, f.problem) for f in shop.ours.verify().findings] == [(3, "it is missing")]

    shop = busy()
    three, four = (f"releases/{TENANT}/000000000{n}.json" for n in (3, 4))
    a, b = shop.store.objects.read(three), shop.store.objects.read(four)
    shop.store.objects.replace(three, b)
    shop.store.objects.replace(four, a)
    assert {f.generation for f in shop.ours.verify().findings} == {3, 4}

    shop = busy()
    shop.store.objects.replace(three, a[: len(a) // 2])
    assert [(f.generation, f.what) for f in shop.ours.verify().findings] == [(3, "record")]


def test_a_tail_cut_off_below_the_pointer_is_found():
    shop = busy()
    shop.store.objects.delete(f"releases/{TENANT}/0000000005.json")
    found = shop.ours.verify()
    assert [f.what for f in found.findings] == ["pointer", "record"]
    assert not found.sound


def test_missing_and_damaged_blobs_are_found_once_with_the_oldest_release_that_names_them():
    shop = busy()
    config_key = shop.store.blobs.key(TENANT, shop.theirs.read(1).config)
    shop.store.objects.delete(config_key)
    artifact = shop.store.blobs.key(TENANT, shop.store.blobs.put(TENANT, popularity()))
    shop.store.objects.replace(artifact, b"rot")
    found = {(f.generation, f.what.split()[0]) for f in shop.ours.verify().findings}
    assert found == {(1, "config"), (2, "artifact"), (5, "closure")}
    assert "generation 1, config sha256:" in str(shop.ours.verify().findings[0])


def test_verify_of_a_tenant_without_a_log_is_not_sound():
    assert not Releases(open_store("memory:"), TENANT, actor="us").verify().sound


def test_a_follower_goes_forward_and_stays_when_nothing_is_new():
    shop = busy()
    seen = shop.ours.follow(None)
    assert seen.generation == 5
    assert shop.ours.follow(seen) == seen
    shop.theirs.withdraw(["cup"])
    shop.theirs.withdraw(["jug"])
    assert shop.ours.follow(seen).generation == 7


def restored_from(shop: Shop, upto: int) -> Shop:
    """The store as a backup of generation ``upto`` would bring it back."""
    copy = shop.copy()
    for key in list(copy.store.objects.keys(f"releases/{TENANT}/")):
        if key.endswith("current.json") or int(key[-15:-5]) > upto:
            copy.store.objects.delete(key)
    return copy


def test_a_log_restored_from_an_older_copy_is_not_followed():
    shop = busy()
    seen = shop.theirs.current()
    reader = restored_from(shop, 3).ours
    with pytest.raises(LogForked, match="generation 5 is not there any more"):
        reader.follow(seen)


def test_a_log_that_went_another_way_is_not_followed_at_the_same_number_nor_above():
    shop = busy()
    seen = shop.theirs.current()
    fork = restored_from(shop, 3)
    for item in ("x", "y", "z"):
        fork.theirs.withdraw([item])
        if fork.theirs.current().generation >= 5:
            with pytest.raises(LogForked, match="generation 5 is another one"):
                fork.ours.follow(seen)


def test_a_tenant_made_again_is_another_log():
    shop = busy()
    seen = shop.theirs.read(1)
    again = opened()
    with pytest.raises(LogForked):
        again.ours.follow(seen)


@pytest.mark.parametrize("items", ["xy", "xyz"])  # the fork is as long as what was seen, or longer
def test_the_same_reader_notices_when_the_log_is_replaced_under_it(items):
    shop = busy()
    reader = shop.ours
    seen = reader.follow(None)
    fork = restored_from(shop, 3)
    for item in items:
        fork.theirs.withdraw([item])
    for key in list(fork.store.objects.keys(f"releases/{TENANT}/")):
        shop.store.objects.replace(key, fork.store.objects.read(key))
    with pytest.raises(LogForked):
        reader.follow(seen)


def test_a_publisher_that_outlives_its_log_says_so_and_writes_nothing():
    shop = busy()
    publisher = shop.ours
    publisher.withdraw(["x"])
    older = restored_from(shop, 3)
    for key in list(shop.store.objects.keys(f"releases/{TENANT}/")):
        shop.store.objects.delete(key)
    for key in older.store.objects.keys(f"releases/{TENANT}/"):
        shop.store.objects.replace(key, older.store.objects.read(key))
    with pytest.raises(LogForked, match="is not there any more"):
        publisher.withdraw(["y"])
    for n in range(5):
        shop.theirs.__class__(shop.store, TENANT, actor="them").withdraw([f"other-{n}"])
    with pytest.raises(LogForked):
        publisher.withdraw(["y"])


def test_a_link_that_does_not_hold_after_what_was_seen_is_not_followed():
    shop = busy()
    rewrite(shop, 4, previous="sha256:" + "0" * 64)
    with pytest.raises(LogForked, match="generation 4 names"):
        shop.ours.follow(shop.theirs.read(3))


def test_a_hole_in_the_log_is_damage_and_not_an_end():
    shop = busy()
    shop.store.objects.delete(f"releases/{TENANT}/0000000003.json")
    with pytest.raises(DamagedRecord, match="it is missing"):
        shop.ours.read(3)


def test_a_flipped_bit_in_the_newest_record_is_damage_though_it_reads_well():
    shop = busy()
    data = shop.theirs.current().encode()
    key = f"releases/{TENANT}/{shop.theirs.current().generation:010d}.json"
    shop.store.objects.replace(key, data.replace(b'"withdrawn"', b'"withdraun"'))
    with pytest.raises(DamagedRecord, match="its check was made over"):
        Releases(shop.store, TENANT, actor="us").current()
    page = Releases(shop.store, TENANT, actor="us").list(before=5)
    assert [release.generation for release in page.releases] == [4, 3, 2, 1], "what is older can still be seen"


def test_a_record_that_belongs_elsewhere_is_not_read_as_ours():
    shop = busy()
    rewrite(shop, 3, tenant="other")
    with pytest.raises(DamagedRecord, match="generation 3 of other"):
        Releases(replace(shop.store), TENANT, actor="us").read(3)
