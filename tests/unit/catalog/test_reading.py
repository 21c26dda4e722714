import gzip
import json

import duckdb
import pytest

from recsys.catalog import CatalogInvalid, read_catalog

ROWS = [
    {"item_id": "a", "title": "A mug, red", "tags": ["red", "mug"], "price": 4.5, "available": True},
    {"item_id": "b", "title": "Ünïcode", "tags": [], "created_at": "2026-01-01T00:00:00Z"},
]


def _jsonl(path, rows=ROWS):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _csv(path, text):
    path.write_text(text)
    return path


def test_jsonl_csv_and_parquet_say_the_same(tmp_path):
    jsonl = _jsonl(tmp_path / "c.jsonl")
    text = (
        "item_id,title,tags,price,available,created_at\n"
        'a,"A mug, red",red|mug,4.5,true,\n'
        "b,Ünïcode,,,,2026-01-01T00:00:00Z\n"
    )
    csv = _csv(tmp_path / "c.csv", text)
    parquet = tmp_path / "c.parquet"
    types = "item_id:'VARCHAR', title:'VARCHAR', tags:'VARCHAR[]', price:'DOUBLE', available:'BOOLEAN'"
    with duckdb.connect() as engine:
        rows = f"SELECT * FROM read_json('{jsonl}', columns = {{{types}, created_at:'VARCHAR'}})"
        engine.execute(f"COPY ({rows}) TO '{parquet}' (FORMAT parquet)")
    read = [read_catalog([path]) for path in (jsonl, csv, parquet)]
    assert read[0] == read[1] == read[2]
    assert read[0][0].tags == ("red", "mug")


def test_compressed_files_are_read(tmp_path):
    path = tmp_path / "c.jsonl.gz"
    path.write_bytes(gzip.compress(_jsonl(tmp_path / "c.jsonl").read_bytes()))
    assert [item.item_id for item in read_catalog([path])] == ["a", "b"]


def test_a_row_for_this_surface_stands_before_the_general_one(tmp_path):
    rows = [
        {"item_id": "a", "title": "general"},
        {"item_id": "a", "title": "for home", "surface": "home"},
        {"item_id": "a", "title": "for cart", "surface": "cart"},
    ]
    for order in (rows, rows[::-1]):
        assert [item.title for item in read_catalog([_jsonl(tmp_path / "c.jsonl", order)], surface="home")] == [
            "for home"
        ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("item_id,titel\na,x\n", "did you mean `title`"),
        ("title\nx\n", "`item_id` is missing"),
        ("item_id,price\na,cheap\n", "line 2: price is `cheap`"),
        ("item_id,price\na,-1\n", "line 2: price is -1"),
        ("item_id,price\na,nan\n", "line 2: price is nan"),
        ("item_id,available\na,maybe\n", "line 2: available is `maybe`"),
        ("item_id,title\na\n", "line 2: 1 cells"),
        ("item_id,created_at\na,2026-01-01\n", "line 2: created_at"),
        ("item_id,title\na,x\na,y\n", "line 3: item a stands twice"),
        ("item_id,title\n,x\n", "line 2"),
        ("", "is empty"),
    ],
)
def test_a_bad_csv_says_where_and_why(tmp_path, text, says):
    with pytest.raises(CatalogInvalid) as refused:
        read_catalog([_csv(tmp_path / "c.csv", text)])
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"item_id": "a", "colour": "red"}', "unknown field `colour`"),
        (b'{"item_id": 7}', "Expected `str`"),
        (b'{"item_id": "a"', "not JSON"),
        (b'{"item_id": "\xff"}', "line 2"),
        (b'{"item_id": "a", "tags": [""]}', "tags holds an empty text"),
    ],
)
def test_a_bad_line_of_jsonl_says_where_and_why(tmp_path, line, says):
    path = tmp_path / "c.jsonl"
    path.write_bytes(b'{"item_id": "ok"}\n' + line + b"\n")
    with pytest.raises(CatalogInvalid) as refused:
        read_catalog([path])
    assert says in str(refused.value)
    assert "line 2" in str(refused.value)


def test_a_broken_parquet_file_is_refused(tmp_path):
    path = tmp_path / "c.parquet"
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(CatalogInvalid, match="Parquet"):
        read_catalog([path])


def test_a_parquet_time_is_read_in_utc_with_and_without_a_zone(tmp_path):
    for kind in ("TIMESTAMP '2026-01-01 00:00:00'", "TIMESTAMPTZ '2026-01-01 02:00:00+02:00'"):
        path = tmp_path / "c.parquet"
        with duckdb.connect() as engine:
            engine.execute(f"COPY (SELECT 'a' AS item_id, {kind} AS created_at) TO '{path}' (FORMAT parquet)")
        assert read_catalog([path])[0].created_at == "2026-01-01T00:00:00+00:00"
