import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.catalog import (
    CatalogInvalid,
    ItemUpdate,
    OverlayRow,
    checked_update,
    merged,
    read_overlay,
    read_update,
    settled,
)
from recsys.catalog import overlay as overlay_module
from recsys.encoding import Invalid, canonical
from recsys.errors import UsageError

VALUES = st.fixed_dictionaries(
    {},
    optional={
        "available": st.none() | st.booleans(),
        "price": st.none() | st.floats(0, 1e6),
        "tags": st.none() | st.lists(st.sampled_from(["a", "b", "c"])).map(tuple),
        "brand": st.none() | st.sampled_from(["", "acme"]),
        "countries": st.none() | st.lists(st.sampled_from(["gb", "DE"])).map(tuple),
    },
)
ROWS = st.builds(lambda item, said: ItemUpdate(item_id=item, **said), st.sampled_from(["m", "é", "z"]), VALUES).filter(
    lambda row: row.said()
) | st.builds(lambda item: ItemUpdate(item_id=item, remove=True), st.sampled_from(["m", "é", "z"]))
UPDATES = st.lists(ROWS, unique_by=lambda row: row.item_id).map(checked_update)


@given(UPDATES, UPDATES, UPDATES)
def test_updates_put_together_in_any_grouping_come_to_the_same(a, b, c):
    assert merged(merged(a, b), c) == merged(a, merged(b, c))


@given(UPDATES, UPDATES)
def test_an_update_twice_is_the_update_once(a, b):
    once = settled(merged(settled(a), b))
    assert settled(merged(once, b)) == once


@given(UPDATES, UPDATES)
def test_what_is_in_force_is_what_all_updates_together_come_to(a, b):
    assert settled(merged(settled(a), b)) == settled(merged(a, b))


@given(UPDATES)
def test_what_is_in_force_is_read_back_from_its_bytes(a):
    assert read_overlay(canonical(settled(a))) == settled(a)


def test_a_newer_update_replaces_the_fields_it_names_and_leaves_the_others():
    before = checked_update([ItemUpdate(item_id="mug", price=3.0, tags=("red",))])
    after = checked_update([ItemUpdate(item_id="mug", price=2.0)])
    assert merged(before, after) == (OverlayRow(item_id="mug", price=2.0, tags=("red",)),)


def test_null_gives_a_field_back_to_the_catalogue_and_remove_the_item():
    before = checked_update([ItemUpdate(item_id="cup", price=1.0), ItemUpdate(item_id="mug", price=3.0, brand="acme")])
    back = checked_update([ItemUpdate(item_id="mug", price=None)])
    assert settled(merged(before, back)) == (before[0], OverlayRow(item_id="mug", brand="acme"))
    gone = checked_update([ItemUpdate(item_id="mug", remove=True)])
    assert settled(merged(before, gone)) == before[:1]


FILES = {
    "rows.jsonl": '{"item_id":"mug","available":false}\n\n{"item_id":"cup","price":2,"tags":["b","a","b"]}\n',
    "rows.json": '[{"item_id":"mug","available":false},{"item_id":"cup","price":2,"tags":["b","a"]}]',
    "rows.csv": "item_id,available,price,tags\nmug,no,,\ncup,,2.0,b|a\n",
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_kind_say_the_same(tmp_path: Path, name: str):
    (tmp_path / name).write_text(FILES[name])
    cup, mug = read_update(tmp_path / name)
    assert cup.said() == {"price": 2.0, "tags": ("a", "b")}
    assert mug.said() == {"available": False}


def test_a_column_of_csv_gives_items_back(tmp_path: Path):
    (tmp_path / "rows.csv").write_text("item_id,price,remove\nmug,,true\ncup,2,\n")
    cup, mug = read_update(tmp_path / "rows.csv")
    assert cup.said() == {"price": 2.0}
    assert set(mug.said().values()) == {None}


WRONG = {
    '{"item_id":"mug","pirce":1}': "did you mean `price`?",
    '{"item_id":"mug","title":"Mug"}': "unknown field `title`",
    '{"item_id":"mug","price":-1}': "line 1: price is -1.0",
    '{"item_id":"mug","tags":[""]}': "line 1: tags holds an empty text",
    '{"item_id":"","price":1}': "line 1: item_id has 0 characters",
    '{"item_id":"mug"}': "line 1: nothing is said of item mug",
    '{"item_id":"mug","remove":true,"price":1}': "line 1: it removes item mug and says price of it",
    '{"item_id":"mug","price":1}\n{"item_id":"mug","price":2}': "line 2: item mug stands twice; first at",
    '{"item_id":"mug","price":"cheap"}': "float",
    "not json": "line 1: not JSON",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_means_nothing_is_refused_with_its_line(tmp_path: Path, text: str):
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(CatalogInvalid) as refused:
        read_update(tmp_path / "rows.jsonl")
    assert WRONG[text] in f"{refused.value.message} {refused.value.next_step}"


@pytest.mark.parametrize(("name", "said"), [("gone.jsonl", "cannot be read"), ("gone.json", "cannot be read")])
def test_a_file_that_is_not_there_is_said(tmp_path: Path, name: str, said: str):
    with pytest.raises(CatalogInvalid, match=said):
        read_update(tmp_path / name)


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(overlay_module, "MAX_OVERLAID", 2)
    rows = [ItemUpdate(item_id=str(n), price=1.0) for n in range(3)]
    with pytest.raises(UsageError, match="limit exceeded: overlaid items 3 > 2"):
        checked_update(rows)
    with pytest.raises(UsageError, match="limit exceeded"):
        read_overlay(canonical([{"item_id": str(n), "price": 1.0} for n in range(3)]))


STORED_WRONG = (
    [{"item_id": "b", "price": 1}, {"item_id": "a", "price": 1}],
    [{"item_id": "a", "price": 1}, {"item_id": "a", "price": 2}],
    [{"item_id": "a", "price": None}],
    [{"item_id": "a"}],
    [{"item_id": "a", "price": 1, "remove": True}],
    {"a": 1},
)


@pytest.mark.parametrize("stored", STORED_WRONG)
def test_stored_bytes_that_no_update_comes_to_are_refused(stored: object):
    with pytest.raises(Invalid):
        read_overlay(canonical(stored))


def test_a_stored_price_that_is_not_finite_is_refused():
    with pytest.raises((CatalogInvalid, Invalid)):
        read_overlay(json.dumps([{"item_id": "a", "price": -2.0}]).encode())


def test_rows_are_sorted_by_bytes():
    rows = checked_update([ItemUpdate(item_id=i, price=1.0) for i in ("é", "z", "a")])
    assert [row.item_id for row in rows] == ["a", "z", "é"]
    assert msgspec.json.decode(canonical(rows)) == [{"item_id": i, "price": 1.0} for i in ("a", "z", "é")]
