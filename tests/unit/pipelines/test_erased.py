"""Users never to be used: what a run makes is made as if they had never been there."""

import json

import pytest
from tests.unit.pipelines.shops import END, START, event, new_shop, visits, write_jsonl

from recsys.access import load_directory
from recsys.pipelines import BadInput, ingest
from recsys.releases import erase_users

GONE = ("user-3", "user-17")


@pytest.fixture
def shop():
    return new_shop()


def key(shop):
    return load_directory(shop.store).tenant("demo").pseudonyms


def erase(shop, *raw_ids):
    erase_users(shop.releases, key(shop).of_many(raw_ids), reason="asked for it")


def take(shop, tmp_path, rows, name="run", **options):
    events = write_jsonl(tmp_path / f"{name}.jsonl", rows)
    window = {"start": START, "end": END, "surface": "home"} | options
    return ingest(shop, events=events, folder=tmp_path / name, **window)


def hashed(shop, row):
    of = key(shop).of
    return row | {name: of(row[name]) for name in ("user_id", "session_id")} | {"key_id": key(shop).key_id}


@pytest.mark.parametrize("ids", ["raw", "hashed in the rows", "pseudonymous"])
def test_what_is_left_is_what_it_would_be_without_them(shop, tmp_path, ids):
    rows = visits()
    if ids != "raw":
        rows = [hashed(shop, row) for row in rows]
    gone = {*GONE, *key(shop).of_many(GONE)}
    options = {"ids": "pseudonymous"} if ids == "pseudonymous" else {}
    without = take(shop, tmp_path, [row for row in rows if row["user_id"] not in gone], "without", **options)
    erase(shop, *GONE)
    made = take(shop, tmp_path, rows, **options)
    assert made.partitions == without.partitions
    assert made.counts["users"] == 38
    assert made.counts["events_of_erased"] == sum(row["user_id"] in gone for row in rows) == 18


@pytest.mark.parametrize("known_as", ["user_id", "anonymous_id", "session_id"])
def test_one_erased_id_is_enough(shop, tmp_path, known_as):
    erase(shop, "gone")
    rows = [event(item_id="x", anonymous_id="b9") | {known_as: "gone"}, event(item_id="y", anonymous_id="b9")]
    made = take(shop, tmp_path, rows)
    assert (made.counts["events"], made.counts["events_of_erased"]) == (1, 1)


def exposure(shop, request_id, user, *, by="unit"):
    row = {
        "request_id": request_id,
        "ts": "2026-11-05T09:00:00Z",
        "items": [{"item_id": "a", "rank": 1}],
        "context": {"tenant_id": "demo", "surface": "home"},
    }
    if by == "unit":
        row["context"] |= {"unit_type": "anonymous_id", "unit_id": key(shop).of(user)}
        return row | {"key_id": key(shop).key_id}
    return row | {"user_id": user}


@pytest.mark.parametrize("by", ["unit", "user"])
def test_what_they_were_shown_is_left_out_and_what_followed_it(shop, tmp_path, by):
    shown = write_jsonl(
        tmp_path / "shown.jsonl", [exposure(shop, "r1", "gone", by=by), exposure(shop, "r2", "u1", by=by)]
    )
    done = write_jsonl(
        tmp_path / "done.jsonl",
        [
            event(request_id="r1", user_id=None, session_id="s7"),
            event(request_id="r2", event_type="click"),
            event(item_id="b"),
        ],
    )
    erase(shop, "gone")
    made = ingest(shop, events=[shown, done], start=START, end=END, surface="home", folder=tmp_path / "run")
    assert (made.counts["exposures"], made.counts["exposures_of_erased"]) == (1, 1)
    assert (made.counts["events"], made.counts["events_of_erased"]) == (2, 1)


def test_flat_exposures_of_theirs_are_left_out(shop, tmp_path):
    rows = [
        {"v": 1, "ts": "2026-11-05T09:00:00Z", "tenant": "demo", "surface": "home", "session_id": s, "item_id": "a"}
        for s in ("s1", "gone")
    ]
    shown = tmp_path / "flat.jsonl"
    shown.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = write_jsonl(tmp_path / "done.jsonl", [event()])
    erase(shop, "gone")
    made = ingest(shop, events=[shown, done], start=START, end=END, surface="home", folder=tmp_path / "run")
    assert (made.counts["exposures"], made.counts["exposures_of_erased"]) == (1, 1)


def test_columns_described_by_a_mapping_are_no_way_around_it(shop, tmp_path):
    csv = tmp_path / "orders.csv"
    csv.write_text("when,sku,customer\n2026-11-05T09:00:00Z,a,gone\n2026-11-05T09:00:00Z,b,kept\n")
    mapping = {
        "columns": {"ts": "when", "item_id": "sku", "user_id": "customer"},
        "constants": {"event_type": "purchase"},
    }
    erase(shop, "gone")
    made = ingest(shop, events=csv, mapping=mapping, start=START, end=END, surface="home", folder=tmp_path / "run")
    assert (made.counts["events"], made.counts["events_of_erased"], made.counts["users"]) == (1, 1, 1)


def test_without_anyone_erased_nothing_is_counted_as_such(shop, tmp_path):
    assert "events_of_erased" not in take(shop, tmp_path, visits()).counts


def test_when_only_they_are_there_the_refusal_says_so(shop, tmp_path):
    erase(shop, "u1")
    with pytest.raises(BadInput, match="1 events_of_erased"):
        take(shop, tmp_path, [event()])
