"""The overlay of a release on a host: what is answered from, on every rung."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.signals import artifacts
from tests.unit.snapshot.shops import COOC, ITEMS, NOW, POPULARITY, Shop, tree

from recsys.catalog import Item, OverlayRow, pack_catalog
from recsys.encoding import canonical
from recsys.ranking.request import Constraints, Context, RecommendRequest
from recsys.releases.record import Candidate, Release, Surface
from recsys.snapshot import SnapshotRejected, collect, open_floor, open_snapshot, prepare, recommend, write_floor
from recsys.snapshot.compiling import compile_shelf
from recsys.snapshot.overlaid import overlay_shelf
from recsys.store.columns import Columns


def columns(data: bytes) -> Columns:
    return Columns(data, where="test")


def compiled(items: tuple[Item, ...]) -> bytes:
    catalog = columns(pack_catalog(items, tenant="demo"))
    return compile_shelf(catalog, [columns(artifacts.popularity(POPULARITY))], {"cooc": columns(artifacts.cooc(COOC))})


def told_by_the_catalogue(item: Item, row: OverlayRow) -> Item:
    said = row.said()
    empty = {name: None for name in ("brand", "category") if said.get(name) == ""}
    return replace(item, **(said | empty))


NAMES = st.sampled_from(["red", "blue", "new", "zz"])
OVERLAYS = st.dictionaries(
    st.integers(0, 19),
    st.fixed_dictionaries(
        {},
        optional={
            "available": st.booleans(),
            "price": st.floats(0, 100),
            "tags": st.sets(NAMES).map(lambda found: tuple(sorted(found))),
            "brand": st.sampled_from(["", "acme", "other"]),
            "category": st.sampled_from(["", "hats", "belts"]),
            "countries": st.sets(st.sampled_from(["gb", "de"])).map(lambda found: tuple(sorted(found))),
            "locales": st.sets(st.sampled_from(["en_GB", "de"])).map(lambda found: tuple(sorted(found))),
        },
    ),
    min_size=1,
)


@settings(max_examples=60, deadline=None)
@given(OVERLAYS)
def test_the_shelf_is_what_compiling_gives_had_the_catalogue_said_it(overlay: dict[int, dict]):
    rows = {n: OverlayRow(item_id=f"i{n:02d}", **said) for n, said in sorted(overlay.items())}
    items = tuple(told_by_the_catalogue(item, rows[n]) if n in rows else item for n, item in enumerate(ITEMS))
    assert overlay_shelf(columns(compiled(ITEMS)), rows.values()) == compiled(items)


def test_items_that_the_shelf_does_not_know_change_nothing():
    assert overlay_shelf(columns(compiled(ITEMS)), [OverlayRow(item_id="new", price=1.0)]) is None


def test_what_only_a_signal_knows_is_sold_when_the_overlay_says_so():
    shelf = columns(compiled(ITEMS))
    made = overlay_shelf(shelf, [OverlayRow(item_id="x1", available=True)])
    number = shelf.strings("items").find("x1")
    assert made is not None
    assert (shelf["unavailable"][number], columns(made)["unavailable"][number]) == (True, False)


def overlaid(shop: Shop, *rows: OverlayRow, **more: object) -> Release:
    data = canonical(sorted(rows, key=lambda row: row.item_id.encode()))
    return shop.release(overlay=shop.put(data), generation=2, **more)


def ids(root: Path, release: Release, shop: Shop, **request: object) -> list[str]:
    snapshot = open_snapshot(prepare(release, blobs=shop.store.blobs, root=root))
    asked = RecommendRequest(surface="home", k=20, **request)
    return [item.item_id for item in recommend(snapshot, asked, now=NOW).items]


def test_answers_see_availability_price_tags_and_places(tmp_path: Path):
    shop = Shop()
    release = overlaid(
        shop,
        OverlayRow(item_id="i07", available=True),
        OverlayRow(item_id="i17", available=False),
        OverlayRow(item_id="i05", price=500.0),
        OverlayRow(item_id="i04", tags=("sale",)),
        OverlayRow(item_id="i03", countries=("fr",)),
    )
    assert "i07" in ids(tmp_path, release, shop)
    assert "i17" not in ids(tmp_path, release, shop)
    assert ids(tmp_path, release, shop, constraints=Constraints(min_price=400.0)) == ["i05"]
    assert ids(tmp_path, release, shop, constraints=Constraints(required_tags=("sale",))) == ["i04"]
    assert "i04" not in ids(tmp_path, release, shop, constraints=Constraints(required_tags=("wool",)))
    assert "i03" not in ids(tmp_path, release, shop, context=Context(country="GB"))
    assert "i03" in ids(tmp_path, release, shop, context=Context(country="FR"))


def test_the_floor_has_the_overlay(tmp_path: Path):
    shop = Shop()
    release = overlaid(shop, OverlayRow(item_id="i17", available=False), OverlayRow(item_id="i16", price=500.0))
    snapshot = open_snapshot(prepare(release, blobs=shop.store.blobs, root=tmp_path))
    write_floor(snapshot, tmp_path / "floor.json")
    floor = open_floor(tmp_path / "floor.json")
    asked = RecommendRequest(surface="home", k=20)
    assert "i17" not in [item.item_id for item in floor.answer(asked, now=NOW).items]
    dear = replace(asked, constraints=Constraints(min_price=400.0))
    assert [item.item_id for item in floor.answer(dear, now=NOW).items] == ["i16"]


def test_both_arms_of_a_comparison_have_it(tmp_path: Path):
    shop = Shop()
    tried = shop.manifest(popularity=artifacts.popularity({f"i{n:02d}": float(20 - n) for n in range(20)}))
    served = Surface(manifest=shop.manifest(), candidate=Candidate(share=0.5, since=2, manifest=tried))
    release = replace(overlaid(shop, OverlayRow(item_id="i01", available=False)), surfaces={"home": served})
    snapshot = open_snapshot(prepare(release, blobs=shop.store.blobs, root=tmp_path))
    for arm in ("control", "candidate"):
        answer = recommend(snapshot.arm("home", arm), RecommendRequest(surface="home", k=20), now=NOW)
        assert "i01" not in [item.item_id for item in answer.items]


def test_the_next_update_and_the_way_back_compile_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shop = Shop()
    first = prepare(shop.release(), blobs=shop.store.blobs, root=tmp_path)
    monkeypatch.setattr("recsys.snapshot.preparing.compile_shelf", lambda *_: pytest.fail("compiled again"))
    second = prepare(overlaid(shop, OverlayRow(item_id="i01", price=9.0)), blobs=shop.store.blobs, root=tmp_path)
    collect(tmp_path, keep=[second], grace_s=0.0)
    assert not first.exists()
    release = replace(overlaid(shop, OverlayRow(item_id="i02", price=9.0)), generation=3)
    prepare(release, blobs=shop.store.blobs, root=tmp_path)
    prepare(replace(shop.release(), generation=4), blobs=shop.store.blobs, root=tmp_path)


def test_an_overlay_of_other_items_leaves_the_shelf_as_it_is(tmp_path: Path):
    shop = Shop()
    prepare(shop.release(), blobs=shop.store.blobs, root=tmp_path)
    shelves = [name for name in tree(tmp_path) if name.startswith("shelves/")]
    prepare(overlaid(shop, OverlayRow(item_id="nobody", price=9.0)), blobs=shop.store.blobs, root=tmp_path)
    assert [name for name in tree(tmp_path) if name.startswith("shelves/")] == shelves


@pytest.mark.parametrize("data", [b"{}", b'[{"item_id":"i01","price":null}]', b'[{"item_id":"i01","colour":"red"}]'])
def test_an_overlay_that_means_nothing_is_refused(tmp_path: Path, data: bytes):
    shop = Shop()
    with pytest.raises(SnapshotRejected, match="overlay"):
        prepare(shop.release(overlay=shop.put(data)), blobs=shop.store.blobs, root=tmp_path)


def test_one_place_spelt_two_ways_is_one_label():
    made = overlay_shelf(columns(compiled(ITEMS)), [OverlayRow(item_id="i00", countries=("GB", "gb"))])
    assert made is not None
    assert columns(made)["label.country.offsets"][:2].tolist() == [0, 1]
