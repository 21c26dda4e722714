import random

import numpy as np
import pytest

from recsys.catalog import Item, check_catalog, open_catalog, pack_catalog
from recsys.store.columns import Columns, pack
from recsys.store.soundness import Unfit

ITEMS = (
    Item(item_id="mug-2", title="Red mug", tags=("red", "mug"), brand="Acme", category="kitchen", price=4.5),
    Item(item_id="mug-1", title="Blue mug", tags=("mug",), category="kitchen", available=False, countries=("DE", "AT")),
    Item(item_id="é", created_at="2026-01-01T00:00:00Z", locales=("de",)),
)


def _columns(items=ITEMS):
    return Columns(pack_catalog(items, tenant="demo"), where="test")


def test_what_was_packed_is_read_back():
    columns = _columns()
    check_catalog(columns, tenant="demo")
    catalog = open_catalog(columns, tenant="demo")
    assert catalog.items.to_list() == ["mug-1", "mug-2", "é"]
    assert catalog.titles.to_list() == ["Blue mug", "Red mug", ""]
    assert catalog.available.tolist() == [False, True, True]
    assert np.isnan(catalog.price[0])
    assert catalog.price[1] == 4.5
    assert catalog.created_at[2] == 1767225600.0
    assert [catalog.brand_names[code] if code >= 0 else None for code in catalog.brand.tolist()] == [None, "Acme", None]
    tags = [catalog.tag_codes[a:b].tolist() for a, b in zip(catalog.tag_offsets, catalog.tag_offsets[1:], strict=False)]
    assert [[catalog.tag_names[code] for code in codes] for codes in tags] == [["mug"], ["mug", "red"], []]
    assert catalog.country_names.to_list() == ["AT", "DE"]


def test_items_in_any_order_give_the_same_bytes():
    shuffled = random.Random(2).sample(ITEMS, 3)
    assert pack_catalog(ITEMS, tenant="demo") == pack_catalog(shuffled, tenant="demo")


def test_an_item_given_twice_is_refused():
    with pytest.raises(Unfit, match="mug-1 stands twice"):
        pack_catalog([*ITEMS, ITEMS[1]], tenant="demo")


def test_an_empty_catalogue_is_refused():
    with pytest.raises(Unfit, match="empty"):
        pack_catalog([], tenant="demo")


def test_another_tenants_catalogue_is_refused():
    with pytest.raises(Unfit, match="belongs to tenant demo"):
        open_catalog(_columns(), tenant="other")


@pytest.mark.parametrize(
    ("column", "at", "poison"),
    [
        ("price", 1, np.inf),
        ("price", 1, -1.0),
        ("brand", 0, 7),
        ("category", 0, -2),
        ("tags.codes", 0, 9),
        ("tags.offsets", 1, 5),
    ],
)
def test_values_out_of_range_are_refused(column, at, poison):
    columns = _columns()
    arrays = {name: columns[name].copy() for name in columns.names()}
    arrays[column][at] = poison
    with pytest.raises(Unfit):
        check_catalog(Columns(pack("catalog", dict(columns.meta), arrays), where="test"), tenant="demo")
