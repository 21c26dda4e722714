import json

import duckdb
import pytest
from tests.unit.pipelines.shops import new_shop
from tests.unit.pipelines.test_ingest import canonical

from recsys.catalog import open_catalog
from recsys.encoding import Invalid
from recsys.pipelines import BadInput, ingest, read_mapping
from recsys.store.columns import Columns

CSV = """Order,SKU,Name,When,Amount,Pieces,Buyer
1,m1,Red mug,05/11/2026 10:00,4.50,1,17
1,m2,Blue mug,05/11/2026 10:00,5.00,2,17
C2,m1,Red mug,06/11/2026 10:00,4.50,-1,17
3,m1,Red  mug,07/11/2026 23:30,4.00,1,
3,POST,Postage,07/11/2026 23:30,3.00,1,
4,m1,Red mug,06/11/2026 12:00,0,1,18
"""
MAPPING = {
    "columns": {
        "ts": {"column": "When", "format": "%d/%m/%Y %H:%M", "zone": "Europe/Berlin"},
        "item_id": "SKU",
        "user_id": "Buyer",
        "session_id": "Order",
        "quantity": "Pieces",
    },
    "constants": {"event_type": "purchase", "surface": "shop"},
    "filters": [
        {"name": "cancelled", "drop_where": "\"Order\" LIKE 'C%'"},
        {"name": "postage", "drop_where": "SKU = 'POST'"},
        {"name": "free", "drop_where": "CAST(Amount AS DOUBLE) = 0"},
    ],
    "catalog": {"columns": {"title": "Name", "price": {"column": "Amount", "pick": "newest"}}},
}


def take(tmp_path, text=CSV, *, name="orders.csv", shop=None, **options):
    path = tmp_path / name
    path.write_text(text)
    settings = {"mapping": MAPPING, "start": "2026-11-01", "end": "2026-11-10"} | options
    return ingest(shop or new_shop(), surface="home", events=path, folder=tmp_path / "run", **settings)


def test_rows_are_dropped_by_the_first_filter_that_fits_and_counted(tmp_path):
    made = take(tmp_path)
    assert made.dropped == {"cancelled": 1, "postage": 1, "free": 1}
    assert made.counts["rows"] == 6
    assert made.counts["events"] == 3
    assert made.counts["anonymous"] == 1


def test_local_times_become_utc(tmp_path):
    rows = canonical(tmp_path, take(tmp_path))
    assert sorted(str(row["ts"]) for row in rows) == [
        "2026-11-05 09:00:00",
        "2026-11-05 09:00:00",
        "2026-11-07 22:30:00",
    ]
    assert {row["surface"] for row in rows} == {"shop"}


def test_the_catalogue_is_told_by_the_rows_that_stay(tmp_path):
    made = take(tmp_path)
    blob = (tmp_path / "run" / "catalog.bin").read_bytes()
    catalog = open_catalog(Columns(blob, where="test"), tenant="demo")
    assert made.catalog_items == 2
    assert catalog.items.to_list() == ["m1", "m2"]
    assert catalog.titles.to_list() == ["Red  mug", "Blue mug"]
    assert catalog.price.tolist() == [4.0, 5.0]


def test_jsonl_and_parquet_are_mapped_like_csv(tmp_path):
    shop = new_shop()
    csv = take(tmp_path, shop=shop)
    lines = CSV.strip().splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, [cell or None for cell in line.split(",")], strict=True)) for line in lines[1:]]
    jsonl = take(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), name="orders.jsonl", shop=shop)
    assert jsonl.partitions == csv.partitions
    parquet = tmp_path / "orders.parquet"
    with duckdb.connect() as engine:
        engine.execute(f"COPY (SELECT * FROM read_csv('{tmp_path}/orders.csv', all_varchar = true)) TO '{parquet}'")
    window = {"start": "2026-11-01", "end": "2026-11-10"}
    made = ingest(shop, surface="home", events=parquet, folder=tmp_path / "run", mapping=MAPPING, **window)
    assert made.partitions == csv.partitions


def test_a_whole_number_stored_as_a_float_is_an_id_without_a_point(tmp_path):
    path = tmp_path / "orders.parquet"
    with duckdb.connect() as engine:
        engine.execute(
            "COPY (SELECT TIMESTAMP '2026-11-05 10:00:00' AS t, 13085.0::DOUBLE AS u, 22423.0::DOUBLE AS i) "
            f"TO '{path}' (FORMAT parquet)"
        )
    columns = {"ts": "t", "item_id": "i", "user_id": "u"}
    mapping = {"columns": columns, "constants": {"event_type": "purchase"}}
    made = ingest(
        new_shop(),
        surface="home",
        events=path,
        folder=tmp_path / "run",
        mapping=mapping,
        start="2026-11-05",
        end="2026-11-05",
    )
    assert [row["item_id"] for row in canonical(tmp_path, made)] == ["22423"]


@pytest.mark.parametrize(
    ("form", "text"),
    [("epoch_s", "1793872800"), ("epoch_ms", "1793872800000"), ("rfc3339", "2026-11-05T11:00:00+01:00")],
)
def test_other_ways_to_write_a_time(tmp_path, form, text):
    mapping = {
        "columns": {"ts": {"column": "t", "format": form}, "item_id": "i", "user_id": "u"},
        "constants": {"event_type": "view"},
    }
    made = take(tmp_path, f"t,i,u\n{text},a,u\n", mapping=mapping)
    assert [str(row["ts"]) for row in canonical(tmp_path, made)] == ["2026-11-05 10:00:00"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"columns": {"ts": "Wen", "item_id": "SKU"}}, "there is no column `Wen`, which the mapping names for `ts`"),
        ({"filters": [{"name": "x", "drop_where": "Piecess < 0"}]}, "mapping, `filters.x`"),
        ({"filters": [{"name": "x", "drop_where": "Pieces <"}]}, "mapping, `filters.x`"),
        ({"columns": {"ts": {"column": "When", "zone": "Europe/Atlantis"}, "item_id": "SKU"}}, "mapping, `ts.zone`"),
        ({"columns": {"ts": {"column": "When", "format": "%d %Q"}, "item_id": "SKU"}}, "mapping, `ts.format`"),
    ],
)
def test_a_mapping_that_does_not_fit_the_file_says_what_and_what_there_is(tmp_path, change, says):
    with pytest.raises(BadInput) as refused:
        take(tmp_path, mapping=MAPPING | change)
    assert says in str(refused.value)


def test_a_time_in_another_format_is_a_bad_row(tmp_path):
    columns = MAPPING["columns"] | {"ts": {"column": "When", "format": "%Y-%m-%d"}}
    with pytest.raises(BadInput, match=r"orders.csv line 2: ts does not fit `%Y-%m-%d` \('05/11/2026 10:00'\)"):
        take(tmp_path, mapping=MAPPING | {"columns": columns})


def test_a_negative_quantity_that_no_filter_dropped_is_a_bad_row(tmp_path):
    with pytest.raises(BadInput, match="line 4: quantity is negative"):
        take(tmp_path, mapping=MAPPING | {"filters": []})


def test_filters_that_drop_everything_say_so(tmp_path):
    with pytest.raises(BadInput, match=r"no events between .*: of 6 rows, 6 all"):
        take(tmp_path, mapping=MAPPING | {"filters": [{"name": "all", "drop_where": "true"}]})


def test_a_catalogue_given_twice_is_refused(tmp_path):
    with pytest.raises(BadInput, match="given twice"):
        take(tmp_path, catalog=tmp_path / "c.csv")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colums: {}", "did you mean `columns`"),
        ("columns: {ts: t, item_id: i, usr_id: u}\nconstants: {event_type: x}", "did you mean `user_id`"),
        ("columns: {ts: t}\nconstants: {event_type: x}", "missing required field `item_id`"),
        ("columns: {ts: t, item_id: i}", "`event_type` is missing"),
        ("columns: {ts: t, item_id: i, event_type: e}\nconstants: {event_type: x}", "as a column and as a constant"),
        ("columns: {ts: t, item_id: {column: a, sql: b}}\nconstants: {event_type: x}", "one of them"),
        ("columns: {ts: t, item_id: i}\ncolumns: {}", "line 2: `columns` is given twice"),
        ("columns: [", "line 1"),
        ("- a", "must be a mapping"),
    ],
)
def test_a_mapping_file_is_read_strictly(tmp_path, text, says):
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(Invalid) as refused:
        read_mapping(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_mapping_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Invalid, match="No such file"):
        read_mapping(tmp_path / "m.yaml")
