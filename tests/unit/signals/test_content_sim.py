import math

import numpy as np
import pytest
from tests.unit.signals.definitions import from_catalog, nearest

from recsys.catalog import Item
from recsys.encoding import Invalid, convert
from recsys.signals import content_sim
from recsys.signals.content_sim import Params, words


def alike(items, **params):
    """Compute from (id, tags); a letter is a tag."""
    return from_catalog("content_sim", [Item(item_id=name, tags=tuple(tags)) for name, tags in items], params)


def test_a_worked_example():
    """Four items: tag ``x`` is on three and counts 1 + ln(5/4) = 1.223, to the 256th 313; ``y`` is on two and counts
    1 + ln(5/3) = 1.511, 387. So the cosine of ``a`` (x and y) and ``c`` (x) is 313 / √(313² + 387²).
    """
    blob = alike([("a", "xy"), ("b", "xy"), ("c", "x"), ("d", "")])
    assert nearest("content_sim", blob, "a") == [("b", 1.0), ("c", pytest.approx(313 / math.hypot(313, 387)))]
    assert nearest("content_sim", blob, "d") == []


def test_what_few_items_share_counts_more():
    blob = alike([("a", "cr"), ("rare", "r"), ("common", "c"), ("d", "c"), ("e", "c")])
    assert nearest("content_sim", blob, "a")[0][0] == "rare"


def test_an_item_nobody_ever_bought_has_neighbours():
    items = [Item(item_id="new", title="Red Lunch Bag"), Item(item_id="old", title="LUNCH BAG, blue")]
    shared, own = 256**2 * 2, round(256 * (1 + math.log(3 / 2))) ** 2
    expected = shared / (shared + own)  # what only one of them has makes it less like the other
    assert nearest("content_sim", from_catalog("content_sim", items), "new") == [("old", pytest.approx(expected))]


def test_brand_and_category_and_tags_of_one_name_are_different_things():
    items = [Item(item_id="a", brand="x"), Item(item_id="b", category="x"), Item(item_id="c", tags=("x",))]
    items += [Item(item_id="d", brand="x")]
    assert nearest("content_sim", from_catalog("content_sim", items), "a") == [("d", 1.0)]


def test_a_field_that_is_not_listed_counts_nothing():
    items = [Item(item_id=name, brand=brand, category="c") for name, brand in (("a", "x"), ("b", "x"), ("c", "y"))]
    both = from_catalog("content_sim", items, {"field_weights": {"category": 1.0}})
    assert nearest("content_sim", both, "a") == [("b", 1.0), ("c", 1.0)]


def test_what_too_many_items_share_is_left_out():
    blob = alike([("a", "xy"), ("b", "xy"), ("c", "x")], max_sharing=2)
    assert nearest("content_sim", blob, "a") == [("b", 1.0)]
    assert nearest("content_sim", blob, "c") == []


def test_among_equals_those_that_follow_stay_so_that_none_is_everyones_neighbour():
    blob = alike([(f"i{n}", "x") for n in range(6)], neighbours=2)
    assert [item for item, _ in nearest("content_sim", blob, "i1")] == ["i2", "i3"]
    assert [item for item, _ in nearest("content_sim", blob, "i5")] == ["i0", "i1"]


def test_titles_are_read_word_by_word_in_one_spelling():
    assert words("Straße, the CAFE\u0301  a 12-pack!") == ["12", "café", "pack", "strasse", "the"]


def test_the_size_of_the_blocks_does_not_show(monkeypatch):
    rng = np.random.default_rng(5)
    items = [(f"i{n:03}", {"abcdefghij"[t] for t in rng.integers(0, 10, 3)}) for n in range(200)]
    whole = alike(items, neighbours=7)
    monkeypatch.setattr(content_sim, "_BLOCK", 1000)
    assert alike(items, neighbours=7) == whole


def test_a_catalogue_that_says_nothing_has_no_neighbours():
    rows = content_sim.alike(_catalog([Item(item_id="a"), Item(item_id="b")]), Params())
    assert len(rows["item"]) == 0


def _catalog(items):
    from recsys.catalog import open_catalog, pack_catalog
    from recsys.store.columns import Columns

    return open_catalog(Columns(pack_catalog(items, tenant="demo"), where="test"), tenant="demo")


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"field_weights": {}}, "field_weights"),
        ({"field_weights": {"price": 1.0}}, "field_weights.price"),
        ({"field_weights": {"tags": 0.0}}, "field_weights.tags"),
        ({"max_sharing": 1}, "max_sharing"),
        ({"neighbours": 0}, "neighbours"),
        ({"fields": {}}, "field_weights"),
    ],
)
def test_senseless_parameters_are_refused_by_name(params, says):
    with pytest.raises(Invalid, match=says):
        convert(params, Params, what="signals.content_sim")
