"""Preparing: what is fit is compiled once, what is not is refused with its reason."""

import errno
import multiprocessing
import random
import shutil
from datetime import date
from pathlib import Path

import msgspec
import pytest
from tests.unit.signals import artifacts
from tests.unit.snapshot.poisons import POISONS
from tests.unit.snapshot.shops import NOW, POPULARITY, Shop, heading, tree

from recsys.catalog import Item, pack_catalog
from recsys.encoding import canonical, digest
from recsys.ranking.request import RecommendRequest
from recsys.releases.record import FORMAT, Release, Requires
from recsys.snapshot import SnapshotRejected, collect, open_release, open_snapshot, prepare, recommend
from recsys.snapshot import preparing as preparing_module
from recsys.store import CopyFailed, open_store

ASK = RecommendRequest(surface="home", k=5)


class Counting:
    """Blobs that count what is fetched."""

    def __init__(self, shop: Shop) -> None:
        self.blobs = shop.store.blobs
        self.fetched: list[str] = []

    def read(self, tenant: str, digest: str) -> bytes:
        return self.blobs.read(tenant, digest)

    def fetch(self, tenant: str, digest: str, into: Path) -> None:
        self.fetched.append(digest)
        self.blobs.fetch(tenant, digest, into)

    def exists(self, tenant: str, digest: str) -> bool:
        return self.blobs.exists(tenant, digest)


def rejected(shop: Shop, release: Release, root: Path) -> str:
    with pytest.raises(SnapshotRejected) as caught:
        prepare(release, blobs=shop.store.blobs, root=root)
    assert "\n" not in caught.value.reason
    assert not list(root.glob("snapshots/*/*"))
    return caught.value.reason


def test_a_change_of_rules_fetches_the_rules_and_compiles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop()
    blobs = Counting(shop)
    manifests = {"home": shop.manifest()}
    prepare(shop.release(manifests=manifests), blobs=blobs, root=tmp_path)
    changed = shop.release(
        manifests=manifests, generation=2, rules=[{"id": "b", "action": "block", "item_ids": ["i17"]}]
    )
    blobs.fetched.clear()
    monkeypatch.setattr(preparing_module, "compile_shelf", None)
    monkeypatch.setattr(preparing_module, "check_artifact", None)
    path = prepare(changed, blobs=blobs, root=tmp_path)
    assert blobs.fetched == [changed.rules]
    assert "i17" not in {item.item_id for item in recommend(open_snapshot(path), ASK, now=NOW).items}


def test_a_rollback_finds_everything_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    first = shop.release()
    prepare(first, blobs=shop.store.blobs, root=tmp_path)
    other = shop.manifest(popularity=artifacts.popularity({"i01": 5.0, "i02": 1.0}))
    prepare(shop.release(generation=2, manifests={"home": other}), blobs=shop.store.blobs, root=tmp_path)
    blobs = Counting(shop)
    monkeypatch.setattr(preparing_module, "compile_shelf", None)
    back = msgspec.structs.replace(first, generation=3, action="rollback", restores=1)
    assert open_snapshot(prepare(back, blobs=blobs, root=tmp_path)).generation == 3
    assert blobs.fetched == []


def test_preparing_twice_changes_no_file(tmp_path: Path) -> None:
    shop = Shop()
    release = shop.release()
    path = prepare(release, blobs=shop.store.blobs, root=tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in tree(tmp_path)}
    assert prepare(release, blobs=shop.store.blobs, root=tmp_path) == path
    assert {name: (tmp_path / name).read_bytes() for name in tree(tmp_path)} == before


def test_the_same_release_compiles_to_the_same_bytes_anywhere(tmp_path: Path) -> None:
    shop = Shop()
    release = shop.release()
    for name in ("a", "b"):
        prepare(release, blobs=shop.store.blobs, root=tmp_path / name)
    a, b = tmp_path / "a", tmp_path / "b"
    assert tree(a) == tree(b)
    assert all((a / name).read_bytes() == (b / name).read_bytes() for name in tree(a))


def _prepare_in_process(store: Path, record: bytes, root: Path) -> str:
    release = msgspec.json.decode(record, type=Release)
    return str(prepare(release, blobs=open_store(store).blobs, root=root))


def test_several_processes_prepare_the_same_release_at_once(tmp_path: Path) -> None:
    shop = Shop(open_store(tmp_path / "store"))
    record = shop.release().encode()
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        jobs = [(tmp_path / "store", record, tmp_path / "host")] * 6
        paths = set(pool.starmap(_prepare_in_process, jobs))
    assert len(paths) == 1
    assert not [name for name in tree(tmp_path / "host") if name.endswith(".part")]
    snapshot = open_snapshot(Path(paths.pop()), verify=True)
    assert len(recommend(snapshot, ASK, now=NOW).items) == 5


def test_a_damaged_copy_is_fetched_again_and_a_damaged_shelf_compiled_again(tmp_path: Path) -> None:
    shop = Shop()
    release = shop.release()
    path = prepare(release, blobs=shop.store.blobs, root=tmp_path)
    for file in [*tmp_path.glob("copies/demo/*"), *tmp_path.glob("shelves/demo/*")]:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    with pytest.raises(SnapshotRejected):
        open_snapshot(path, verify=True)
    open_snapshot(prepare(release, blobs=shop.store.blobs, root=tmp_path), verify=True)


@pytest.mark.parametrize("name", POISONS)
def test_a_poisoned_artifact_is_refused(name: str, tmp_path: Path) -> None:
    shop = Shop()
    release = shop.release(manifests={"home": shop.manifest(**POISONS[name])})
    kind = next(iter(POISONS[name]))
    assert rejected(shop, release, tmp_path).startswith(f"{kind} artifact sha256:")


def test_a_damaged_note_beside_a_copy_or_a_shelf_is_made_anew(tmp_path: Path) -> None:
    shop = Shop()
    release = shop.release()
    prepare(release, blobs=shop.store.blobs, root=tmp_path)
    notes = [*tmp_path.glob("copies/demo/*.passed"), *tmp_path.glob("shelves/demo/*.sha256")]
    assert len(notes) == 4
    before = [note.read_bytes() for note in notes]
    for note in notes:
        note.write_bytes(b"\xff" + note.read_bytes()[1:])
    prepare(release, blobs=shop.store.blobs, root=tmp_path)
    assert [note.read_bytes() for note in notes] == before


def manifest_edited(shop: Shop, **fields: object) -> str:
    manifest = msgspec.json.decode(shop.store.blobs.read("demo", shop.manifest()))
    return shop.put(canonical({**manifest, **fields}))


def ref_edited(shop: Shop, **fields: object) -> str:
    manifest = msgspec.json.decode(shop.store.blobs.read("demo", shop.manifest()))
    manifest["signals"]["popularity"][0].update(fields)
    return shop.put(canonical(manifest))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda shop: manifest_edited(shop, tenant="other"), "tenant other"),
        (lambda shop: manifest_edited(shop, surface="pdp"), "surface pdp"),
        (lambda shop: manifest_edited(shop, format=2), "format 2"),
        (lambda shop: manifest_edited(shop, signals={}), "no signal"),
        (lambda shop: manifest_edited(shop, signals={"magic": []}), "no signal"),
        (lambda shop: manifest_edited(shop, window={"start": "2026-11-01", "end": "soon"}), "soon"),
        (lambda shop: ref_edited(shop, size_bytes=1 << 50), "limit exceeded: size_bytes"),
        (lambda shop: ref_edited(shop, size_bytes=12), "the manifest says 12"),
        (lambda shop: ref_edited(shop, size_bytes=0), "limit exceeded"),
        (lambda shop: ref_edited(shop, artifact="sha256:" + "1" * 64), "nothing under"),
        (lambda shop: ref_edited(shop, artifact="../../etc/passwd"), "digest"),
        (lambda shop: shop.put(b"not json"), "not JSON"),
        (lambda shop: shop.put(b""), "not JSON"),
        (lambda shop: "sha256:" + "2" * 64, "nothing under"),
    ],
)
def test_a_wrong_manifest_is_refused(make, said: str, tmp_path: Path) -> None:
    shop = Shop()
    assert said in rejected(shop, shop.release(manifests={"home": make(shop)}), tmp_path)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"requires": Requires(format=FORMAT + 1)}, f"requires format {FORMAT + 1}"),
        ({"overlay": "sha256:" + "3" * 64}, "overlay"),
        ({"config": "sha256:" + "4" * 64}, "config"),
    ],
)
def test_a_release_this_version_cannot_serve_is_refused(fields: dict, said: str, tmp_path: Path) -> None:
    shop = Shop()
    assert said in rejected(shop, shop.release(**fields), tmp_path)


def test_documents_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    shop = Shop()
    assert "wieghts" in rejected(shop, shop.release(config={"wieghts": {}}), tmp_path)
    assert "rule" in rejected(shop, shop.release(rules=[{"id": "x", "action": "hide"}]), tmp_path)
    assert "withdrawn" in rejected(shop, msgspec.structs.replace(shop.release(), withdrawn=shop.put(b"{}")), tmp_path)


def test_too_many_items_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    monkeypatch.setattr(preparing_module, "MAX_ITEMS", 10)
    assert "limit exceeded: items" in rejected(shop, shop.release(), tmp_path)


def test_no_flipped_bit_and_no_truncation_is_ever_served(tmp_path: Path) -> None:
    """Blobs lie by one bit, or end early, with the store none the wiser: 1,000 times."""
    shop = Shop()
    release = shop.release(rules=[{"id": "b", "action": "block", "item_ids": ["i17"]}], withdrawn=["i16"])

    class Lying:
        victim = ""
        change = staticmethod(lambda data: data)

        def read(self, tenant: str, digest: str) -> bytes:
            data = shop.store.blobs.read(tenant, digest)
            return self.change(data) if digest == self.victim else data

        def fetch(self, tenant: str, digest: str, into: Path) -> None:
            into.write_bytes(self.read(tenant, digest))

        def exists(self, tenant: str, digest: str) -> bool:
            return shop.store.blobs.exists(tenant, digest)

    blobs = Lying()
    root = tmp_path / "host"
    prepare(release, blobs=blobs, root=root)
    names = ["sha256:" + path.name for path in root.glob("copies/demo/*") if not path.suffix]
    assert len(names) == 7
    sizes = {name: len(shop.store.blobs.read("demo", name)) for name in names}
    spots = [(name, spot) for name in names for spot in range(sizes[name])]
    chance = random.Random(7)
    served = 0
    for number in range(1000):
        blobs.victim, spot = chance.choice(spots)
        bit = chance.randrange(8)
        if number % 4:
            blobs.change = lambda d, s=spot, b=bit: d[:s] + bytes([d[s] ^ (1 << b)]) + d[s + 1 :]
        else:
            blobs.change = lambda d, s=spot: d[:s]
        (root / "copies" / "demo" / blobs.victim.removeprefix("sha256:")).unlink(missing_ok=True)
        try:
            prepare(release, blobs=blobs, root=root)
        except SnapshotRejected:
            continue
        served += 1
    assert served == 0


def test_collecting_keeps_what_kept_snapshots_need_and_nothing_else(tmp_path: Path) -> None:
    shop = Shop()
    paths = []
    for generation in (1, 2, 3):
        scores = {**POPULARITY, "i01": 100.0 * generation}
        manifest = shop.manifest(popularity=artifacts.popularity(scores))
        release = shop.release(generation=generation, manifests={"home": manifest})
        paths.append(prepare(release, blobs=shop.store.blobs, root=tmp_path))
    mapped = open_snapshot(paths[0])
    assert collect(tmp_path, keep=paths[1:]) == []  # all of it is young: someone may be preparing with it
    gone = collect(tmp_path, keep=paths[1:], grace_s=-1)
    assert paths[0] in gone
    for path in paths[1:]:
        open_snapshot(path, verify=True)
    assert len(recommend(mapped, ASK, now=NOW).items) == 5  # what is mapped stays readable
    with pytest.raises(SnapshotRejected):
        open_snapshot(paths[0])
    assert len(list(tmp_path.glob("shelves/demo/*"))) == 4  # two shelves and their checksums
    collect(tmp_path, keep=[], grace_s=-1)
    assert tree(tmp_path) == []


def test_collecting_for_one_tenant_leaves_the_others_alone(tmp_path: Path) -> None:
    shop = Shop()
    prepare(shop.release(manifests={"home": shop.manifest()}), blobs=shop.store.blobs, root=tmp_path)
    for kind in ("copies", "shelves", "snapshots"):
        shutil.copytree(tmp_path / kind / "demo", tmp_path / kind / "demo2")
    before = tree(tmp_path)
    collect(tmp_path, tenant="demo", keep=[], grace_s=-1)
    assert tree(tmp_path) == [name for name in before if "/demo2/" in name] != []


def test_a_segment_and_a_surface_come_before_the_tenant(tmp_path: Path) -> None:
    shop = Shop()
    own = heading(scope="surface", surface="home")
    new = heading(scope="segment", surface="home", segment="new_users")
    more = {
        "popularity": (
            shop.ref(artifacts.popularity({"i01": 9.0, "i02": 1.0}, own), scope="surface"),
            shop.ref(artifacts.popularity({"i03": 9.0}, new), scope="segment", segment="new_users"),
        )
    }
    release = shop.release(manifests={"home": shop.manifest(more=more)})
    snapshot = open_snapshot(prepare(release, blobs=shop.store.blobs, root=tmp_path))

    def first(segment: str | None) -> list[str]:
        request = RecommendRequest(surface="home", segment=segment, k=4)
        return [item.item_id for item in recommend(snapshot, request, now=NOW).items]

    assert first(None) == ["i01", "i02", "i17", "i16"]  # then by the tenant's popularity
    assert first("new_users") == ["i03", "i01", "i02", "i17"]
    assert first("unheard_of") == first(None)


def test_the_wider_popularity_orders_only_what_the_nearer_does_not_know(tmp_path: Path) -> None:
    shop = Shop()
    own = artifacts.popularity({"i04": 2.0, "i03": 2.0}, heading(scope="surface", surface="home"))
    release = shop.release(
        config={"weights": {"cooc": 1.0}},  # refilled from popularity, so its order shows
        manifests={"home": shop.manifest(more={"popularity": (shop.ref(own, scope="surface"),)})},
    )
    snapshot = open_snapshot(prepare(release, blobs=shop.store.blobs, root=tmp_path))
    shown = [item.item_id for item in recommend(snapshot, ASK, now=NOW).items]
    assert shown == ["i03", "i04", "i17", "i16", "i15"]  # i03 and i04 tie here, whatever the tenant says


def test_a_release_can_be_opened_at_any_generation_and_with_another_manifest(tmp_path: Path) -> None:
    shop = Shop()
    previous = None
    for generation in (1, 2):
        scores = artifacts.popularity({"i01": 1.0, f"i0{generation + 1}": 5.0})
        release = shop.release(
            generation=generation, manifests={"home": shop.manifest(popularity=scores)}, previous=previous
        )
        shop.store.releases.append("demo", generation, release.encode())
        previous = digest(release.encode())

    def top(**how: object) -> str:
        snapshot = open_release(shop.store, "demo", root=tmp_path, **how)
        return recommend(snapshot, ASK, now=NOW).items[0].item_id

    assert top() == "i03"
    assert top(generation=1) == "i02"
    assert top(manifest=shop.manifest(popularity=artifacts.popularity({"i05": 5.0, "i06": 1.0}))) == "i05"


def test_signals_may_know_items_the_catalogue_does_not_and_these_are_not_shown(tmp_path: Path) -> None:
    shop = Shop()
    manifest = shop.manifest(
        catalog=pack_catalog([Item(item_id="i02"), Item(item_id="é"), Item(item_id="zz")], tenant="demo"),
        popularity=artifacts.popularity({"i01": 9.0, "é": 2.0}),
    )
    release = shop.release(manifests={"home": manifest})
    snapshot = open_snapshot(prepare(release, blobs=shop.store.blobs, root=tmp_path))
    shown = [item.item_id for item in recommend(snapshot, ASK, now=NOW).items]
    assert shown == ["é", "i02", "zz"]


def test_a_full_disk_is_this_hosts_trouble_and_says_nothing_of_the_release(tmp_path: Path) -> None:
    shop = Shop()

    class Full(Counting):
        def fetch(self, tenant: str, digest: str, into: Path) -> None:
            raise CopyFailed(into, "No space left on device")

    with pytest.raises(CopyFailed, match="No space left"):
        prepare(shop.release(), blobs=Full(shop), root=tmp_path)
    assert open_snapshot(prepare(shop.release(), blobs=shop.store.blobs, root=tmp_path))


def test_collecting_takes_what_a_killed_process_left_and_goes_on_past_what_it_cannot_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop()
    first, second, third, kept = (
        prepare(shop.release(generation=number), blobs=shop.store.blobs, root=tmp_path) for number in (1, 2, 3, 4)
    )
    (first / ".snapshot.json.0a1b2c.part").write_bytes(b"half")
    rmtree = shutil.rmtree

    def refuse(path: Path) -> None:
        if path == second:
            raise OSError(errno.EIO, "Input/output error")
        rmtree(path)

    monkeypatch.setattr("recsys.snapshot.collecting.shutil.rmtree", refuse)
    assert collect(tmp_path, keep=[kept], grace_s=-1) == [first, third]
    assert [path.exists() for path in (first, second, third, kept)] == [False, True, False, True]
    assert open_snapshot(kept).generation == 4


def test_a_personal_artifact_that_was_collected_is_left_out_and_the_rest_is_served(tmp_path: Path) -> None:
    shop = Shop()
    likes = artifacts.popularity({"i05": 99.0}, heading(scope="surface", surface="home"))
    ref = msgspec.structs.replace(shop.ref(likes, scope="surface"), retain_until=date(2026, 11, 1))
    release = shop.release(manifests={"home": shop.manifest(more={"popularity": (ref,)})})

    def first(root: Path) -> str:
        snapshot = open_snapshot(prepare(release, blobs=shop.store.blobs, root=root))
        return recommend(snapshot, ASK, now=NOW).items[0].item_id

    assert first(tmp_path / "before") == "i05"
    shop.store.blobs.delete("demo", ref.artifact)
    assert first(tmp_path / "before") == "i17"  # also where a copy lies
    assert first(tmp_path / "after") == "i17"


def test_what_is_not_personal_may_not_be_missing(tmp_path: Path) -> None:
    shop = Shop()
    likes = artifacts.popularity({"i05": 99.0}, heading(scope="surface", surface="home"))
    ref = shop.ref(likes, scope="surface")
    release = shop.release(manifests={"home": shop.manifest(more={"popularity": (ref,)})})
    shop.store.blobs.delete("demo", ref.artifact)
    assert "nothing under" in rejected(shop, release, tmp_path)
