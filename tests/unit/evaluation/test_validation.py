import json

import duckdb
import pytest

from recsys.errors import UsageError
from recsys.evaluation import evaluate, validate
from recsys.evaluation.errors import BadData


def test_a_sound_file_is_counted(tiny):
    tiny.dataset()
    found = validate(schema="exposure.v1", inputs=tiny.folder / "exposures.jsonl")
    assert found.ok
    assert (found.rows, found.bad, found.files) == (2, 0, 1)


def test_every_bad_line_is_counted_and_the_first_are_named(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    good = '{"request_id":"r","item_id":"a","event_type":"click","ts":"2026-11-22T08:00:00Z"}\n'
    bad = good.replace("click", "clik")
    path.write_text(good + bad * 30)
    found = validate(schema="outcome.v1", inputs=str(tmp_path / "*.jsonl"))
    assert (found.rows, found.bad, len(found.errors)) == (31, 30, 20)
    assert found.errors[0].line == 2
    assert found.errors[0].field == "event_type"
    assert "30 of 31 rows break outcome.v1" in str(found)


def test_an_unknown_schema_is_an_error_with_the_nearest(tmp_path):
    with pytest.raises(UsageError, match=r"unknown schema `exposures.v1`.*did you mean `exposure.v1`"):
        validate(schema="exposures.v1", inputs=tmp_path)


def test_a_file_of_another_kind_is_an_error(tmp_path):
    (tmp_path / "x.csv").write_text("a")
    with pytest.raises(UsageError, match="neither JSONL nor Parquet"):
        validate(schema="outcome.v1", inputs=tmp_path / "x.csv")


@pytest.mark.parametrize("schema", ["assignment.v1", "ranklist.v1", "interaction.v1"])
def test_the_other_schemas_are_known(tmp_path, schema):
    rows = {
        "assignment.v1": {"experiment_id": "x", "variant": "a", "request_id": "r", "ts": "2026-11-22T08:00:00Z"},
        "ranklist.v1": {"request_id": "r", "ranker": "m", "items": [{"item_id": "a", "rank": 1}]},
        "interaction.v1": {"item_id": "a", "event_type": "view", "ts": "2026-11-22T08:00:00Z"},
    }
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(rows[schema]) + "\n")
    assert validate(schema=schema, inputs=path).ok
    path.write_text(json.dumps(rows[schema] | {"extra": 1}) + "\n")
    assert not validate(schema=schema, inputs=path).ok


EXPOSURE = (
    "SELECT 'r1' AS request_id, 'u1' AS user_id, '2026-11-22T08:00:00Z' AS ts, "
    "[{'item_id': 'a', 'rank': 1}, {'item_id': 'b', 'rank': 2}] AS items, MAP {'surface': 'home'} AS context"
)
OUTCOME = "SELECT 'r1' AS request_id, 'b' AS item_id, 'click' AS event_type, TIMESTAMP '2026-11-22 08:01:00' AS ts"


def write(path, query):
    duckdb.execute(f"COPY ({query}) TO '{path}'")
    return path


@pytest.mark.parametrize(
    "exposure",
    [
        EXPOSURE,
        EXPOSURE.replace("MAP {'surface': 'home'}", "{'surface': 'home', 'segment': NULL}"),
        EXPOSURE.replace("MAP {'surface': 'home'}", """'{"surface": "home"}'"""),
        EXPOSURE.replace("'2026-11-22T08:00:00Z'", "TIMESTAMP '2026-11-22 08:00:00'"),
        EXPOSURE.replace("'2026-11-22T08:00:00Z'", "TIMESTAMPTZ '2026-11-22 10:00:00+02:00'"),
    ],
)
def test_parquet_in_its_usual_forms_is_read(tmp_path, exposure):
    dataset = {
        "exposures": {"type": "parquet", "path": str(write(tmp_path / "e.parquet", exposure))},
        "outcomes": {"type": "parquet", "path": str(write(tmp_path / "o.parquet", OUTCOME))},
    }
    config = {"offline": {"metrics": [{"name": "mrr", "k": 2}], "slice_keys": ["surface"]}}
    report = evaluate(dataset=dataset, config=config, allow_no_baseline=True)
    assert report.exit_code == 0
    assert report.offline.metrics[0].value == 0.5
    assert report.offline.slices[0].value == "home"
    assert report.data.window_start == "2026-11-22T08:00:00.000Z"
    assert validate(schema="exposure.v1", inputs=tmp_path / "e.parquet").ok


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (EXPOSURE.replace("AS user_id", "AS userid"), r"unknown column `userid`.*did you mean `user_id`"),
        (EXPOSURE.replace(", 'u1' AS user_id", "").replace("'r1' AS request_id, ", ""), "`request_id` is missing"),
        (OUTCOME, r"rows of outcome.v1, not of exposure.v1"),
        (EXPOSURE.replace("'r1'", "1"), "column `request_id` is INTEGER"),
    ],
)
def test_parquet_with_other_columns_is_refused(tmp_path, query, says):
    with pytest.raises(BadData, match=says):
        validate(schema="exposure.v1", inputs=write(tmp_path / "e.parquet", query))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (EXPOSURE.replace("'rank': 1", "'rank': 0"), "items"),
        (EXPOSURE.replace("'rank': 2", "'rank': 1"), "items"),
        (EXPOSURE.replace("'rank': 2", "'rank': NULL"), "items"),
        (EXPOSURE.replace("'item_id': 'a'", "'item_id': NULL"), "items"),
        (EXPOSURE.replace("08:00:00Z", "08:00:00"), "ts"),
        (EXPOSURE.replace("'r1'", "NULL::VARCHAR"), "request_id"),
        (EXPOSURE + ", 'nan'::DOUBLE AS latency_ms", "latency_ms"),
    ],
)
def test_a_bad_row_of_parquet_is_named_with_its_place(tmp_path, query, field):
    path = write(
        tmp_path / "e.parquet", f"{EXPOSURE}{', 1.0 AS latency_ms' if 'latency' in query else ''} UNION ALL {query}"
    )
    found = validate(schema="exposure.v1", inputs=path)
    assert (found.rows, found.bad) == (2, 1)
    assert (found.errors[0].line, found.errors[0].field) == (2, field)


@pytest.mark.parametrize("value", ["'nan'::DOUBLE", "'inf'::DOUBLE", "1e13"])
def test_a_value_that_is_no_amount_is_named_in_parquet_too(tmp_path, value):
    path = write(tmp_path / "o.parquet", f"{OUTCOME}, {value} AS value")
    assert validate(schema="outcome.v1", inputs=path).errors[0].field == "value"


def test_parquet_without_rows_is_an_error(tmp_path):
    dataset = {
        "exposures": {"type": "parquet", "path": str(write(tmp_path / "e.parquet", EXPOSURE + " LIMIT 0"))},
        "outcomes": {"type": "parquet", "path": str(write(tmp_path / "o.parquet", OUTCOME))},
    }
    with pytest.raises(BadData, match="exposures: no rows"):
        evaluate(dataset=dataset, config={"offline": {"metrics": [{"name": "mrr", "k": 2}]}}, allow_no_baseline=True)


def test_a_file_that_is_not_parquet_is_an_error(tmp_path):
    (tmp_path / "e.parquet").write_text("no")
    with pytest.raises(BadData, match="not readable as Parquet"):
        validate(schema="exposure.v1", inputs=tmp_path / "e.parquet")


def test_paths_in_a_dataset_file_start_from_its_folder(tiny):
    tiny.dataset()
    text = (
        "exposures: {type: jsonl, path: exposures.jsonl}\noutcomes: {type: jsonl, path: [outcomes.jsonl], ids: raw}\n"
    )
    (tiny.folder / "dataset.yaml").write_text(text)
    (tiny.folder / "config.yaml").write_text("offline:\n  metrics: [{name: recall, k: 2}]\n")
    report = evaluate(
        dataset=tiny.folder / "dataset.yaml", config=str(tiny.folder / "config.yaml"), allow_no_baseline=True
    )
    assert report.offline.metrics[0].value == 0.5
