"""What every signal must keep. A new one joins by being in the registry; it needs nothing here."""

import random
import re

import msgspec
import numpy as np
import pytest
from tests.unit.signals.definitions import HEADING, computed, from_catalog

from recsys.catalog import Item
from recsys.encoding import Invalid, convert
from recsys.signals import SIGNALS, Unfit
from recsys.store.columns import Columns, pack

pytestmark = pytest.mark.parametrize("name", sorted(SIGNALS))


def _events(seed=7, copies=1):
    """Make visits to a shop; each user may be there several times under other names."""
    rng = random.Random(seed)
    kinds = ("view", "click", "purchase")
    rows = [
        (f"i{rng.randrange(25):02}", f"u{rng.randrange(40)}", rng.choice(kinds), rng.randrange(10), rng.randrange(100))
        for _ in range(600)
    ]
    return [(item, f"{who}-{copy}", *rest) for item, who, *rest in rows for copy in range(copies)]


def _items(seed=7):
    rng = random.Random(seed)
    return [
        Item(
            item_id=f"i{n:02}",
            title=" ".join(rng.sample(("red", "blue", "lunch", "bag", "mug", "tin"), 3)),
            tags=tuple(rng.sample(("kitchen", "gift", "retro"), 2)),
            brand=rng.choice(("acme", "best", None)),
        )
        for n in range(25)
    ]


def _artifact(name, folder, events=None, items=None, threads=1):
    """Compute a signal from what it reads: the events or the catalogue."""
    if SIGNALS[name].reads == "catalog":
        return from_catalog(name, items or _items())
    return computed(name, folder, events or _events(), threads=threads)


@pytest.fixture
def blob(name, tmp_path):
    return _artifact(name, tmp_path)


def _with(blob, *, meta=None, drop=(), kind=None, **changed):
    """Write the blob again with something else in it."""
    columns = Columns(blob, where="test")
    arrays = {column: columns[column] for column in columns.names() if column not in drop} | changed
    return Columns(pack(kind or columns.kind, dict(columns.meta) | (meta or {}), arrays), where="test")


def test_its_own_artifact_passes_its_checks(name, blob):
    SIGNALS[name].check(Columns(blob, where="test"), tenant="demo")
    opened = SIGNALS[name].open(Columns(blob, where="test"), tenant="demo")
    assert opened.scale > 0
    assert opened.items.to_list() == sorted(opened.items.to_list(), key=str.encode)


def test_the_same_events_in_any_order_and_with_any_threads_give_the_same_bytes(name, tmp_path, blob):
    events, items = random.Random(1).sample(_events(), 600), random.Random(1).sample(_items(), 25)
    assert _artifact(name, tmp_path, events, items, threads=2) == blob
    assert _artifact(name, tmp_path, events, items, threads=1) == blob


def test_it_says_what_it_is_and_whose_and_not_when_it_was_built(name, blob):
    columns = Columns(blob, where="test")
    assert columns.meta["kind"] == name
    assert columns.meta["tenant"] == "demo"
    assert msgspec.json.encode(columns.meta).find(b"built") == -1


def test_copying_every_user_changes_no_order(name, tmp_path, blob):
    one, copied = (
        SIGNALS[name].open(Columns(data, where="test"), tenant="demo")
        for data in (blob, _artifact(name, tmp_path, _events(copies=20)))
    )
    assert one.items.to_list() == copied.items.to_list()
    if hasattr(one, "order"):
        assert one.order.tolist() == copied.order.tolist()
        return
    for item in range(len(one.items)):
        before, after = (
            each.neighbours[each.offsets[item] : each.offsets[item + 1]].tolist() for each in (one, copied)
        )
        assert before == [found for found in after if found in before], "copies may add neighbours, and move none"


def test_another_tenants_artifact_is_refused(name, blob):
    for read in (SIGNALS[name].open, SIGNALS[name].check):
        with pytest.raises(Unfit, match="belongs to tenant demo, not other"):
            read(Columns(blob, where="test"), tenant="other")


def test_another_kind_is_refused(name, blob):
    with pytest.raises(Unfit, match="the blob says it is"):
        SIGNALS[name].open(_with(blob, kind="another"), tenant="demo")


def test_a_format_from_the_future_is_refused(name, blob):
    with pytest.raises(Unfit, match="format 2"):
        SIGNALS[name].open(_with(blob, meta={"format": 2}), tenant="demo")


@pytest.mark.parametrize("scale", [0.0, -1.0, None, "1"])
def test_a_scale_nothing_can_be_divided_by_is_refused(name, blob, scale):
    with pytest.raises(Unfit, match="scale"):
        SIGNALS[name].check(_with(blob, meta={"scale": scale}), tenant="demo")


def test_a_missing_column_is_refused(name, blob):
    for column in Columns(blob, where="test").names():
        with pytest.raises(Exception, match=re.escape(column)):
            SIGNALS[name].check(_with(blob, drop=(column,)), tenant="demo")


def test_values_that_are_not_numbers_are_refused(name, blob):
    column = "score" if name == "popularity" else "weight"
    for poison in (np.nan, np.inf, -1.0):
        values = Columns(blob, where="test")[column].copy()
        values[3] = poison
        with pytest.raises(Unfit):
            SIGNALS[name].check(_with(blob, **{column: values}), tenant="demo")


def test_doubled_values_are_refused(name, blob):
    column = "score" if name == "popularity" else "weight"
    values = Columns(blob, where="test")[column] * 2
    with pytest.raises(Unfit):
        SIGNALS[name].check(_with(blob, **{column: values}), tenant="demo")


def test_items_twice_or_out_of_order_are_refused(name, blob):
    columns = Columns(blob, where="test")
    data = columns["items.bytes"].copy()
    size = int(columns["items.offsets"][1])
    data[size : 2 * size] = data[:size]
    with pytest.raises(Unfit, match="stands twice"):
        SIGNALS[name].check(_with(blob, **{"items.bytes": data}), tenant="demo")
    data = columns["items.bytes"].copy()
    data[:size] = ord("z")
    with pytest.raises(Unfit, match="out of order"):
        SIGNALS[name].check(_with(blob, **{"items.bytes": data}), tenant="demo")


def test_text_that_is_not_utf8_is_refused(name, blob):
    data = Columns(blob, where="test")["items.bytes"].copy()
    data[-1] = 0xFF
    with pytest.raises(Unfit, match="UTF-8"):
        SIGNALS[name].check(_with(blob, **{"items.bytes": data}), tenant="demo")


def test_an_artifact_without_items_is_refused(name, blob):
    columns = Columns(blob, where="test")
    arrays = {column: columns[column][:0] for column in columns.names() if not column.endswith("offsets")}
    arrays |= {column: columns[column][:1] for column in columns.names() if column.endswith("offsets")}
    with pytest.raises(Unfit, match="empty"):
        SIGNALS[name].check(_with(blob, **arrays), tenant="demo")


def test_unknown_parameters_suggest_the_nearest(name):
    field = SIGNALS[name].Params.__struct_fields__[0]
    with pytest.raises(Invalid, match=f"did you mean `{field}`"):
        convert({field + "x": 1}, SIGNALS[name].Params, what=f"signals.{name}")


def test_its_definition_says_what_it_reads_and_returns(name):
    if SIGNALS[name].reads == "catalog":
        assert SIGNALS[name].compute.__doc__
        return
    head = SIGNALS[name].sql().split("-- step:")[0]
    assert SIGNALS[name].steps(), "the definition names its steps"
    assert "-- Reads" in head
    assert "-- Returns" in head
    assert HEADING.meta(name)["kind"] == name
