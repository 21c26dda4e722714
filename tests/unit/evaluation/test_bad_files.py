"""Files that are not what the dataset says: each is one error that names the file, the place and the way out."""

import gzip
import json

import duckdb
import pytest

from recsys.evaluation import evaluate, validate
from recsys.evaluation.errors import BadData

ONE = {"offline": {"metrics": [{"name": "ndcg", "k": 10}]}}
DEEP = '{"request": {"a": ' + "[" * 5000 + "]" * 5000 + "}}"
EXPOSURE = {"request_id": "r", "ts": "2026-11-22T08:00:00Z", "items": []}
ASSIGNMENT = {"experiment_id": "x", "variant": "a", "request_id": "r", "ts": "2026-11-22T08:00:00Z"}
INTERACTION = {"item_id": "a", "event_type": "view", "ts": "2026-11-22T08:00:00Z"}


def judge(dataset):
    return evaluate(dataset=dataset, config=ONE, allow_no_baseline=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: b"\xef\xbb\xbf" + data, r"line 1: the file begins with a byte-order mark \(save it as UTF-8"),
        (lambda data: data.decode().encode("utf-16"), r"1 of 1 rows .*line 1: the file is UTF-16"),
        (gzip.compress, r"1 of 1 rows .*line 1: the file is compressed \(gzip\) \(unpack it first\)"),
        (lambda _: b"PAR1....PAR1", "line 1: the file is Parquet"),
        (lambda data: data.replace(b"\n", b"\r"), "line 1: .*trailing characters"),
        (lambda data: data[:-20], "line 2: .*truncated"),
        (lambda data: data + b"\0" * 9, "line 3: .*malformed"),
        (lambda data: b"[" + data.replace(b"\n", b",")[:-1] + b"]", "Expected `object`, got `array`"),
        (lambda data: data.replace(b'"items"', b'"decision": ' + DEEP.encode() + b', "items"', 1), "nested too deeply"),
        (lambda data: data.replace(b"r1", b"r\xe9", 1), "line 1: .*utf-8"),
    ],
)
def test_a_file_that_is_no_jsonl_is_one_error_that_says_what_it_is(tiny, change, says):
    dataset = tiny.dataset()
    path = tiny.folder / "exposures.jsonl"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BadData, match=rf"exposures: .*{says}"):
        judge(dataset)


@pytest.mark.parametrize(
    ("schema", "row", "says"),
    [
        ("exposure.v1", EXPOSURE | {"ts": "2026-02-30T00:00:00Z"}, "`ts`: `2026-02-30T00:00:00Z` is in no calendar"),
        ("exposure.v1", EXPOSURE | {"ts": "2026-02-20T00:00:00+99:99"}, "not an RFC 3339 time with a zone"),
        ("exposure.v1", EXPOSURE | {"ts": "0001-01-01T00:00:00Z"}, "not between the years 1970 and 9999"),
        ("exposure.v1", EXPOSURE | {"ts": "9999-12-31T23:59:59-10:00"}, "not between the years 1970 and 9999"),
        ("exposure.v1", EXPOSURE | {"latency_ms": -1.0}, "`latency_ms`: is -1"),
        ("assignment.v1", ASSIGNMENT | {"variant": ""}, "`variant`: is empty"),
        ("assignment.v1", ASSIGNMENT | {"request_id": ""}, "`request_id`: is empty"),
        ("interaction.v1", INTERACTION | {"item_id": ""}, "`item_id`: is empty"),
        ("interaction.v1", INTERACTION | {"value": 1e300}, r"`value`: is 1e\+300"),
    ],
)
def test_a_value_that_nothing_can_be_is_named(tmp_path, schema, row, says):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (found,) = validate(schema=schema, inputs=path).errors
    assert says.replace("\\", "") in str(found)


@pytest.mark.parametrize(
    "ts",
    ["2024-02-29T23:59:59.123456789Z", "1970-01-01 00:00:00Z", "2026-12-31t23:59:59z", "9999-12-31T13:59:59-10:00"],
)
def test_odd_and_right_times_are_read(tmp_path, ts):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(EXPOSURE | {"ts": ts}) + "\n")
    assert validate(schema="exposure.v1", inputs=path).ok


def test_a_name_is_a_name_whatever_is_in_it(tiny):
    dataset = tiny.dataset()
    text = (tiny.folder / "exposures.jsonl").read_text()
    paths = [
        tiny.folder / name for name in ("a'; drop.jsonl", "[x].jsonl", "wh?at*.jsonl", "new\nline $id ${holes}.jsonl")
    ]
    for number, path in enumerate(paths):
        path.write_text(text.replace(': "r', f': "{number or ""}r'))
    report = judge(dataset | {"exposures": {"type": "jsonl", "path": [str(path) for path in paths]}})
    assert (report.data.requests, report.data.duplicate_request_ids) == (8, 0)


def test_a_file_named_twice_is_read_once(tiny):
    path = tiny.dataset()["exposures"]["path"]
    (tiny.folder / "again.jsonl").symlink_to(path)
    twice = [path, f"{tiny.folder}/../{tiny.folder.name}/exp*.jsonl", f"{tiny.folder}/again.jsonl"]
    report = judge(tiny.dataset() | {"exposures": {"type": "jsonl", "path": twice}})
    assert report.data.duplicate_request_ids == 0


def test_a_folder_is_no_file_and_the_error_says_how_to_name_what_is_in_it(tiny):
    with pytest.raises(BadData, match=r"no file at .*it is a folder: name the files in it"):
        judge(tiny.dataset() | {"exposures": {"type": "jsonl", "path": str(tiny.folder)}})


ROW = (
    "SELECT 'r1' AS request_id, '2026-11-22T08:00:00Z' AS ts, [{'item_id': 'a', 'rank': 1}] AS items, "
    "MAP {'surface': 'home'} AS context, 1.0 AS latency_ms"
)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "{'item_id': 'a', 'rank': 1}",
            "{'item_id': 'a', 'rank': 1, 'loging_propensity': 1}",
            "unknown field `loging_pr",
        ),
        ("{'item_id': 'a', 'rank': 1}", "{'id': 'a', 'rank': 1}", "unknown field `id`"),
        ("{'item_id': 'a', 'rank': 1}", "{'item_id': 'a'}", "no field `rank`"),
        ("'rank': 1", "'rank': '1'", "`rank` of `items` is VARCHAR"),
        ("'rank': 1", "'rank': 1.5", "`rank` of `items` is DECIMAL"),
        ("'rank': 1", "'rank': 1, 'propensity': 'high'", "`propensity` of `items` is VARCHAR"),
        ("[{'item_id': 'a', 'rank': 1}]", "{'item_id': 'a', 'rank': 1}", "column `items` is STRUCT"),
        ("'2026-11-22T08:00:00Z'", "1795334400000", "column `ts` is BIGINT"),
        ("'2026-11-22T08:00:00Z'", "TIMESTAMP 'infinity'", "`ts`: is not a time"),
        ("'2026-11-22T08:00:00Z'", "'9999-12-31T23:59:59-10:00'", "`ts`: is not a time"),
        ("1.0 AS", "-1.0 AS", "`latency_ms`: is not a finite number from 0"),
        ("1.0 AS", "'fast' AS", "column `latency_ms` is VARCHAR"),
        ("MAP {'surface': 'home'}", "'{torn'", "`context`: is not a JSON object"),
        ("MAP {'surface': 'home'}", "'[1]'", "`context`: is not a JSON object"),
    ],
)
def test_parquet_of_another_make_is_refused_in_words(tmp_path, old, new, says):
    duckdb.execute(f"COPY ({ROW.replace(old, new)}) TO '{tmp_path}/e.parquet'")
    outcome = {"request_id": "r1", "item_id": "a", "event_type": "click", "ts": "2026-11-22T08:01:00Z"}
    (tmp_path / "o.jsonl").write_text(json.dumps(outcome))
    dataset = {
        "exposures": {"type": "parquet", "path": f"{tmp_path}/e.parquet"},
        "outcomes": {"type": "jsonl", "path": f"{tmp_path}/o.jsonl"},
    }
    with pytest.raises(BadData, match=says):
        judge(dataset)


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE shop",
        "SELECT * FROM shop; DROP TABLE shop",
        "SELECT * FROM shop) TO '{out}' (FORMAT csv); --",
        "SELECT 1) TO '{out}' (FORMAT csv); COPY (SELECT * FROM shop",
        "COPY shop TO '{out}'",
        "-- nothing",
    ],
)
def test_a_query_of_duckdb_is_one_that_reads(tmp_path, query):
    database, out = tmp_path / "shop.duckdb", tmp_path / "out.csv"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE shop AS SELECT 1 AS a")
    source = {"type": "duckdb", "path": str(database), "query": query.format(out=out)}
    with pytest.raises(BadData, match=r"not one SELECT|syntax error") as caught:
        judge({"exposures": source, "outcomes": source})
    assert not out.exists()
    assert "recsys-eval-" not in str(caught.value)
