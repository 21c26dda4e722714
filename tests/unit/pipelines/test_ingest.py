import gzip
import json
import os
import re
from pathlib import Path

import duckdb
import pytest
from tests.unit.pipelines.shops import END, START, event, new_shop, visits, write_jsonl

from recsys.access import load_directory
from recsys.errors import UsageError
from recsys.pipelines import BadInput, LimitExceeded, Limits, ingest
from recsys.pipelines.engine import EngineFailed, open_engine
from recsys.pipelines.partitions import open_partitions
from recsys.pipelines.rundir import RunFolder
from recsys.pipelines.sources import Fetched


@pytest.fixture
def shop():
    return new_shop()


def take(shop, tmp_path, events, **options):
    """Ingest into a folder of its own; options override the window."""
    window = {"start": START, "end": END, "surface": "home"} | options
    return ingest(shop, events=events, folder=tmp_path / "run", **window)


def canonical(tmp_path, made, stream="events"):
    with open_engine(folder=tmp_path) as engine:
        open_partitions(engine, RunFolder(tmp_path / "run"), made.partitions)
        rows = engine.rows(f"SELECT * FROM canonical_{stream} ORDER BY ALL")
        names = list(engine.columns(f"canonical_{stream}"))
    return [dict(zip(names, row, strict=True)) for row in rows]


def refused(shop, tmp_path, events, **options):
    with pytest.raises(BadInput) as error:
        take(shop, tmp_path, events, **options)
    assert not (tmp_path / "run" / "ingest.json").exists()
    return str(error.value)


def to_parquet(path, select):
    with duckdb.connect() as engine:
        engine.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


def test_jsonl_csv_and_parquet_make_the_same_partitions(shop, tmp_path):
    rows = visits()
    names = list(rows[0])
    jsonl = write_jsonl(tmp_path / "e.jsonl", rows)
    csv = tmp_path / "e.csv"
    csv.write_text(",".join(names) + "\n" + "".join(",".join(str(row[n]) for n in names) + "\n" for row in rows))
    parquet = to_parquet(tmp_path / "e.parquet", f"SELECT * FROM read_csv('{csv}', all_varchar = true)")
    zipped = tmp_path / "z.jsonl.gz"
    zipped.write_bytes(gzip.compress(jsonl.read_bytes()))
    made = [take(shop, tmp_path, path) for path in (jsonl, csv, parquet, zipped)]
    assert all(one.partitions == made[0].partitions for one in made)
    assert made[0].counts["events"] == len(rows)


def test_rows_in_any_order_and_any_number_of_threads_make_the_same_partitions(shop, tmp_path):
    rows = visits()
    one = take(shop, tmp_path, write_jsonl(tmp_path / "a.jsonl", rows), threads=1)
    other = take(shop, tmp_path, write_jsonl(tmp_path / "b.jsonl", sorted(rows, key=json.dumps)), threads=2)
    halves = [write_jsonl(tmp_path / "1.jsonl", rows[::2]), write_jsonl(tmp_path / "2.jsonl", rows[1::2])]
    split = take(shop, tmp_path, halves)
    assert one.partitions == other.partitions == split.partitions


def test_no_raw_id_reaches_the_run_folder(shop, tmp_path):
    row = event(user_id="alice@example.com", anonymous_id="cookie-4711")
    take(shop, tmp_path, write_jsonl(tmp_path / "e.jsonl", [row]))
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            assert b"alice" not in path.read_bytes()
            assert b"cookie" not in path.read_bytes()


def test_a_raw_id_and_its_pseudonym_are_one_user(shop, tmp_path):
    key = load_directory(shop.store).tenant("demo").pseudonyms
    rows = [event(user_id="alice"), event(user_id=key.of("alice"), key_id=key.key_id, item_id="b")]
    made = take(shop, tmp_path, write_jsonl(tmp_path / "e.jsonl", rows))
    assert made.counts["users"] == 1
    assert len({row["who"] for row in canonical(tmp_path, made)}) == 1


def test_pseudonymous_input_is_not_hashed_again(shop, tmp_path):
    key = load_directory(shop.store).tenant("demo").pseudonyms
    raw = take(shop, tmp_path, write_jsonl(tmp_path / "r.jsonl", [event(user_id="alice")]))
    hashed = take(
        shop, tmp_path, write_jsonl(tmp_path / "h.jsonl", [event(user_id=key.of("alice"))]), ids="pseudonymous"
    )
    assert raw.partitions == hashed.partitions


def test_without_a_user_the_anonymous_id_and_then_the_session_stands_for_one(shop, tmp_path):
    rows = [
        event(user_id=None, anonymous_id="x", item_id="a"),
        event(user_id=None, anonymous_id="x", item_id="b", session_id="s2"),
        event(user_id=None, session_id="s3", item_id="c"),
        event(user_id=None, session_id=None, item_id="d"),
    ]
    made = take(shop, tmp_path, write_jsonl(tmp_path / "e.jsonl", rows))
    found = {row["item_id"]: row["who"] for row in canonical(tmp_path, made)}
    assert set(found) == {"a", "b", "c"}
    assert found["a"] == found["b"] != found["c"]
    assert made.counts["anonymous"] == 3
    assert made.counts["without_anyone"] == 1


def test_an_event_id_counts_once(shop, tmp_path):
    rows = [event(event_id="1", item_id="b"), event(event_id="1", item_id="a"), event(event_id="2"), event()]
    made = take(shop, tmp_path, write_jsonl(tmp_path / "e.jsonl", rows))
    again = take(shop, tmp_path, write_jsonl(tmp_path / "e.jsonl", rows[::-1]))
    assert made.counts["duplicates"] == 1
    assert made.counts["events"] == 3
    assert made.partitions == again.partitions


def test_the_window_includes_both_days_in_utc(shop, tmp_path):
    moments = (
        "2026-10-31T23:59:59Z",
        "2026-11-01T00:00:00Z",
        "2026-11-10T23:59:59.999999Z",
        "2026-11-11T00:00:00Z",
        "2026-11-11T01:30:00+02:00",
        "2026-10-31T20:00:00-05:00",
    )
    made = take(shop, tmp_path, write_jsonl(tmp_path / "e.jsonl", [event(ts=ts) for ts in moments]))
    assert made.counts["events"] == 4
    assert made.counts["outside_window"] == 2
    days = [part.day for part in made.partitions]
    assert days == ["2026-11-01", "2026-11-10"]


def test_a_look_at_one_of_our_lists_is_not_a_choice(shop, tmp_path):
    rows = [
        event(event_type="view", request_id="r"),
        event(event_type="click", request_id="r"),
        event(event_type="view"),
    ]
    made = take(shop, tmp_path, write_jsonl(tmp_path / "e.jsonl", rows))
    assert made.counts["list_views"] == 1
    assert made.counts["events"] == 2


def test_what_an_event_does_not_say_is_null_in_the_canonical_events(shop, tmp_path):
    path = write_jsonl(tmp_path / "e.jsonl", [event(session_id=None), event(request_id="r", session_id=None)])
    bare, answered = sorted(canonical(tmp_path, take(shop, tmp_path, path)), key=lambda row: row["request"] is not None)
    assert bare["request"] is None
    assert answered["request"] > 0
    assert bare["basket"] == answered["basket"] == bare["day"], "without a session a user's day is the basket"


def exposure(**fields):
    return {
        "request_id": "r1",
        "ts": "2026-11-05T09:00:00Z",
        "items": [{"item_id": "a", "rank": 1}, {"item_id": "b", "rank": 2}],
        "context": {"tenant_id": "demo", "surface": "home", "segment": "new", "traffic": "user"},
    } | fields


def test_exposures_beside_interactions_are_told_apart_by_file(shop, tmp_path):
    events = write_jsonl(tmp_path / "interactions.jsonl", [event()])
    shown = write_jsonl(
        tmp_path / "exposures.jsonl",
        [
            exposure(),
            exposure(),
            exposure(request_id="r2", context={"traffic": "bot"}),
            exposure(request_id="r3", items=[]),
        ],
    )
    flat = write_jsonl(
        tmp_path / "flat.jsonl",
        [
            {
                "v": 1,
                "ts": "2026-11-05T09:00:00Z",
                "tenant": "demo",
                "surface": "pdp",
                "session_id": "s",
                "item_id": "c",
                "rank": 3,
            }
        ],
    )
    made = take(shop, tmp_path, [events, shown, flat])
    found = canonical(tmp_path, made, "exposures")
    assert made.counts["exposures"] == 3, "once per list, however often it was delivered"
    assert made.counts["exposures_not_by_users"] == 1
    assert {(row["surface"], row["segment"]) for row in found} == {("home", "new"), ("pdp", None)}
    assert {"item_id": "c", "rank": 3} in [item for row in found for item in row["items"]]


def test_exposures_in_parquet_read_as_in_jsonl(shop, tmp_path):
    events = write_jsonl(tmp_path / "interactions.jsonl", [event()])
    jsonl = write_jsonl(tmp_path / "exposures.jsonl", [exposure()])
    parquet = to_parquet(tmp_path / "x.parquet", f"SELECT * FROM read_json('{jsonl}')")
    assert take(shop, tmp_path, [events, jsonl]).partitions == take(shop, tmp_path, [events, parquet]).partitions


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"context": {"tenant_id": "other"}}, "the exposure is not tenant demo's"),
        ({"items": "a"}, "items is not a list"),
        ({"items": [{"item_id": "a", "rank": 0}]}, "an item without item_id or with a rank below 1"),
        ({"items": [{"item_id": 5, "rank": 1}]}, "an item_id is not text"),
        ({"items": [{"item_id": "a", "rank": 1.5}]}, "a rank is not a whole number"),
        ({"request_id": None}, "request_id is missing"),
        ({"shown": 1}, "unknown field ('shown')"),
    ],
)
def test_a_bad_exposure_says_why(shop, tmp_path, changed, says):
    events = write_jsonl(tmp_path / "interactions.jsonl", [event()])
    bad = write_jsonl(tmp_path / "exposures.jsonl", [exposure(), exposure(**changed)])
    assert f"exposures.jsonl line 2: {says}" in refused(shop, tmp_path, [events, bad])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"ts": "2026-11-05 10:00:00"}, "ts is not an RFC 3339 time with a zone ('2026-11-05 10:00:00')"),
        ({"ts": "yesterday"}, "ts is not an RFC 3339 time"),
        ({"ts": None}, "ts is missing"),
        ({"ts": 1762336800}, "ts is not text"),
        ({"item_id": 7}, "item_id is not text ('7')"),
        ({"item_id": ""}, "item_id is missing"),
        ({"item_id": "x" * 300}, "item_id is too long"),
        ({"event_type": None}, "event_type is missing"),
        ({"quantity": -3}, "quantity is negative ('-3.0')"),
        ({"value": "NaN"}, "value is not a number ('NaN')"),
        ({"rank": 0}, "rank is not a whole number from 1"),
        ({"itemid": "a"}, "unknown field ('itemid')"),
        ({"user_id": 12}, "user_id is not text"),
        ({"key_id": "elsewhere"}, "key_id is not this tenant's"),
    ],
)
def test_a_bad_line_says_file_line_and_reason(shop, tmp_path, changed, says):
    path = tmp_path / "e.jsonl"
    path.write_text(f"{json.dumps(event())}\n\n{json.dumps(event(**changed))}\n{json.dumps(event())}\n")
    said = refused(shop, tmp_path, path)
    assert f"{path} line 3: {says}" in said
    assert "1 of 3 rows are bad" in said


def test_lines_that_are_not_json_or_not_utf8_are_bad_rows(shop, tmp_path):
    good = json.dumps(event()).encode()
    path = tmp_path / "e.jsonl"
    path.write_bytes(good + b'\n{"ts": \n' + good.replace(b'"u1"', b'"\xff\xfe"') + b"\n[1]\n")
    said = refused(shop, tmp_path, path)
    assert "line 2: not a JSON object in UTF-8; " in said
    assert "3 of 4 rows are bad" in said


def test_a_share_of_bad_rows_can_be_allowed_and_is_counted(shop, tmp_path):
    rows = [event() for _ in range(9)] + [event(ts="?")]
    path = write_jsonl(tmp_path / "e.jsonl", rows)
    made = take(shop, tmp_path, path, max_bad_rate=0.1)
    assert made.counts["bad"] == 1
    assert made.problems == {"ts is not an RFC 3339 time with a zone": 1}
    refused(shop, tmp_path, path, max_bad_rate=0.09)


def test_a_bad_csv_row_is_found_by_its_line_even_after_quoted_line_ends(shop, tmp_path):
    path = tmp_path / "e.csv"
    path.write_text(
        "ts,item_id,event_type,user_id\n"
        '2026-11-05T10:00:00Z,"a\nb",view,u\n'
        "2026-11-05T10:00:00Z,c,view,u\n"
        "never,d,view,u\n"
    )
    assert f"{path} line 5: ts is not an RFC 3339 time with a zone ('never')" in refused(shop, tmp_path, path)


def test_torn_csv_rows_are_bad_rows(shop, tmp_path):
    path = tmp_path / "e.csv"
    path.write_bytes(
        b"ts,item_id,event_type,user_id\n2026-11-05T10:00:00Z,a,view,u\n2026-11-05T10:00:00Z,a\n"
        b"2026-11-05T10:00:00Z,a,view,u,5\n2026-11-05T10:00:00Z,\xff,view,u\n"
    )
    said = refused(shop, tmp_path, path)
    assert f"{path} line 3: missing columns" in said
    assert f"{path} line 4: too many columns" in said
    assert f"{path} line 5: invalid encoding" in said


def test_a_bad_parquet_row_is_found_by_its_number(shop, tmp_path):
    select = (
        "SELECT TIMESTAMP '2026-11-05 10:00:00' AS ts, 'a' AS item_id, 'view' AS event_type, 'u' AS user_id, "
        "CASE WHEN n = 2 THEN 'nan'::DOUBLE ELSE 1 END AS value FROM range(4) AS t(n)"
    )
    path = to_parquet(tmp_path / "e.parquet", select)
    assert f"{path} row 3: value is not a finite number ('nan')" in refused(shop, tmp_path, path)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("ts,item_id,user_id", "column `event_type` is missing"),
        ("ts,itemid,event_type,user_id", "did you mean `item_id`"),
        ("ts,item_id,event_type,user_id,Item_ID", "stands twice"),
        ("experiment_id,variant,request_id,ts", "assignment.v1, which signals do not use"),
    ],
)
def test_a_renamed_or_missing_column_is_named(shop, tmp_path, header, says):
    path = tmp_path / "e.csv"
    path.write_text(header + "\n")
    assert says in refused(shop, tmp_path, path)


def test_a_parquet_column_of_the_wrong_type_is_named(shop, tmp_path):
    select = "SELECT TIMESTAMP '2026-11-05 10:00:00' AS ts, 5 AS item_id, 'view' AS event_type, 'u' AS user_id"
    path = to_parquet(tmp_path / "e.parquet", select)
    assert f"{path}: column `item_id` is INTEGER" in refused(shop, tmp_path, path)


def test_empty_files_say_so(shop, tmp_path):
    jsonl, csv = tmp_path / "e.jsonl", tmp_path / "e.csv"
    jsonl.touch()
    csv.touch()
    assert "the files hold no rows" in refused(shop, tmp_path, jsonl)
    assert "is empty: there is not even a header" in refused(shop, tmp_path, csv)


def test_files_that_would_fail_at_every_line_are_told_as_what_they_are(shop, tmp_path):
    marked, listed = tmp_path / "marked.jsonl", tmp_path / "listed.json"
    marked.write_bytes(b"\xef\xbb\xbf" + "".join(json.dumps(row) + "\n" for row in visits()).encode())
    listed.write_text(json.dumps(visits(), indent=1))
    assert "begins with a byte order mark" in refused(shop, tmp_path, marked)
    assert "is one JSON list" in refused(shop, tmp_path, listed)


def test_too_little_memory_is_told_as_that_and_not_as_a_bad_file(shop, tmp_path):
    path = to_parquet(
        tmp_path / "e.parquet",
        "SELECT TIMESTAMP '2026-11-20' AS ts, repeat('i', 200) || n AS item_id, 'view' AS event_type, "
        "'u' || n AS user_id FROM range(200000) AS t(n)",
    )
    with pytest.raises(EngineFailed, match="memory and disk space"):
        take(shop, tmp_path, path, memory="4MB")


def test_a_truncated_parquet_file_says_so(shop, tmp_path):
    whole = to_parquet(tmp_path / "w.parquet", "SELECT 1 AS a FROM range(1000)").read_bytes()
    path = tmp_path / "e.parquet"
    path.write_bytes(whole[: len(whole) // 2])
    assert f"{path} cannot be read as Parquet" in refused(shop, tmp_path, path)


def test_a_truncated_gzip_file_says_so(shop, tmp_path):
    whole = gzip.compress("".join(json.dumps(row) + "\n" for row in visits()).encode())
    path = tmp_path / "e.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    assert str(path) in refused(shop, tmp_path, path)


def test_a_gzip_file_torn_past_its_first_lines_says_so(shop, tmp_path):
    many = "".join(json.dumps(row | {"event_id": None}) + "\n" for row in visits() * 20)
    whole = gzip.compress(many.encode())
    path = tmp_path / "e.jsonl.gz"
    path.write_bytes(whole[: len(whole) - 40])
    assert f"{path} cannot be read" in refused(shop, tmp_path, path)


def test_files_that_are_not_there_are_named(shop, tmp_path):
    assert "matches no file" in refused(shop, tmp_path, str(tmp_path / "*.parquet"))
    assert "does not exist" in refused(shop, tmp_path, tmp_path / "gone.jsonl")
    assert "is a directory" in refused(shop, tmp_path, tmp_path)
    odd = tmp_path / "e.xlsx"
    odd.touch()
    assert "`.xlsx` is not a format we read" in refused(shop, tmp_path, odd)


def test_dates_the_wrong_way_round_are_refused(shop, tmp_path):
    path = write_jsonl(tmp_path / "e.jsonl", [event()])
    assert "start 2026-11-10 is after end 2026-11-01. swap them" in refused(shop, tmp_path, path, start=END, end=START)
    assert "`11/01/2026` is not a day" in refused(shop, tmp_path, path, start="11/01/2026")


def test_an_empty_window_says_where_the_events_lie(shop, tmp_path):
    path = write_jsonl(tmp_path / "e.jsonl", [event()])
    said = refused(shop, tmp_path, path, start="2025-01-01", end="2025-01-31")
    assert "1 outside_window" in said
    assert re.search(r"the events lie between 2026-11-05 .* and 2026-11-05", said)


def test_a_glob_of_many_files_is_read_as_one(shop, tmp_path):
    rows = visits()
    for n in range(7):
        write_jsonl(tmp_path / f"part-{n}.jsonl", rows[n::7])
    made = take(shop, tmp_path, str(tmp_path / "part-*.jsonl"))
    assert made.counts["files"] == 7
    assert made.counts["events"] == len(rows)


def test_limits_stop_the_run_with_what_was_seen(shop, tmp_path):
    path = write_jsonl(tmp_path / "e.jsonl", visits())
    for which, seen in (("events", 360), ("users", 40), ("days", 10)):
        with pytest.raises(LimitExceeded, match=f"limit exceeded: {which} {seen} > 3"):
            take(shop, tmp_path, path, limits=Limits(**{which: 3}))


def test_a_surface_that_is_no_name_is_refused(shop, tmp_path):
    path = write_jsonl(tmp_path / "e.jsonl", [event()])
    with pytest.raises(UsageError):
        take(shop, tmp_path, path, surface="../home")


def test_a_data_frame_is_read_like_a_file(shop, tmp_path):
    pandas = pytest.importorskip("pandas", reason="the notebook extra is not installed")
    rows = visits()
    made = take(shop, tmp_path, pandas.DataFrame(rows))
    assert made.partitions == take(shop, tmp_path, write_jsonl(tmp_path / "e.jsonl", rows)).partitions
    assert "neither paths nor a data frame" in refused(shop, tmp_path, object())


class Told:
    feed = "told"
    """A source that lays down one file and remembers what it was told."""

    name = "told"

    def __init__(self, rows, position):
        self.rows, self.position, self.confirmed = rows, position, []

    def fetch(self, into, *, first, last, since, progress):
        assert (str(first), str(last), since) == (START, END, None)
        return Fetched(files=(write_jsonl(into / "rows.jsonl", self.rows),), position=self.position)

    def confirm(self, position):
        self.confirmed.append(position)


def test_a_source_hears_of_its_position_when_its_events_are_on_disk(shop, tmp_path, monkeypatch):
    source = Told(visits(), {"at": 7})
    forced = set()

    def fsync(handle):
        assert source.confirmed == []
        forced.add(Path(f"/proc/self/fd/{handle}").readlink())

    monkeypatch.setattr(os, "fsync", fsync)
    made = take(shop, tmp_path, source)
    run = tmp_path / "run"
    days = [run / "events" / f"dt={one.day}" for one in made.partitions]
    assert {one / "unfinished.tmp" for one in days} <= forced, "each under the name it has while it is written"
    assert {*days, run / "events", run} <= forced
    assert source.confirmed == [{"at": 7}]


def test_a_source_hears_nothing_of_a_run_that_was_refused(shop, tmp_path):
    source = Told([event(item_id="")], {"at": 7})
    refused(shop, tmp_path, source)
    assert source.confirmed == []
    assert not (tmp_path / "run" / "fetched").exists()


def test_what_a_killed_run_left_of_a_source_is_removed(shop, tmp_path):
    left = tmp_path / "run" / "fetched" / "raw.jsonl"
    left.parent.mkdir(parents=True)
    left.write_text("alice")
    take(shop, tmp_path, write_jsonl(tmp_path / "e.jsonl", visits()))
    assert not left.exists()
