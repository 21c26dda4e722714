"""What is the service's own log among the sources: files of a spool, shipped to the store."""

import datetime
import json

import pytest
from tests.contract.origins import EventLog
from tests.contract.test_event_sources import FIRST, LAST, ROWS, fetched, in_order, rows_of
from tests.unit.pipelines.shops import new_shop
from tests.unit.pipelines.test_ingest import exposure

from recsys.encoding import Invalid
from recsys.errors import UsageError
from recsys.events import Spool, ship
from recsys.pipelines import BadInput, ingest
from recsys.pipelines.sources import open_source


@pytest.fixture
def shop():
    return new_shop()


@pytest.fixture
def log(shop, tmp_path, monkeypatch):
    return EventLog(shop, tmp_path, monkeypatch.setenv)


def host(shop, root, name, moment):
    """Write as a service does at a moment, and return what ships its files."""
    seconds = datetime.datetime.fromisoformat(moment).timestamp()
    spool = Spool(root, host=name, worker="w0", wall=lambda: seconds)

    def write(stream, *rows):
        spool.append("demo", stream, b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        spool.close()

    return write, lambda: ship(root, shop.store.objects, keep_s=60)


def test_what_a_service_wrote_and_shipped_is_read_with_all_its_streams(log, shop, tmp_path):
    write, carry = host(shop, tmp_path / "spool", "host-1", "2025-11-05T10:00:00Z")
    write("interactions", *log.kept(ROWS[:5]))
    write("outcomes", {**log.kept(ROWS[5:6])[0], "event_type": "click", "request_id": "r1"})
    write("exposures", exposure(ts="2025-11-05T10:00:00Z"))
    write("assignments", {"experiment_id": "e", "variant": "a", "request_id": "r1", "ts": "2025-11-05T10:00:00Z"})
    carry()
    made = ingest(shop, events=log.source(), surface="home", start=FIRST, end=LAST, folder=tmp_path / "run")
    assert (made.counts["events"], made.counts["exposures"], made.counts["files"]) == (6, 1, 3)
    assert len(fetched(log.source(streams=["outcomes"]), tmp_path / "outcomes").files) == 1


def test_a_host_that_was_cut_off_ships_files_of_past_days_and_they_are_new(log, shop, tmp_path):
    early, carry_early = host(shop, tmp_path / "cut-off", "host-2", "2025-11-03T10:00:00Z")
    later, carry_later = host(shop, tmp_path / "spool", "host-1", "2025-11-05T10:00:00Z")
    early("interactions", *log.kept(ROWS[:2]))
    later("interactions", *log.kept(ROWS[2:4]))
    carry_later()
    before = fetched(log.source(), tmp_path / "before")
    assert rows_of(before) == in_order(log.kept(ROWS[2:4]))
    carry_early()
    late = fetched(log.source(), tmp_path / "late", since=before.position)
    assert rows_of(late) == in_order(log.kept(ROWS[:2]))
    assert rows_of(fetched(log.source(), tmp_path / "end", since=late.position)) == []


def test_a_position_holds_the_days_that_can_be_asked_for_again_and_no_others(log, tmp_path):
    log.put(ROWS)
    all_days = fetched(log.source(), tmp_path / "all").position["read"]
    moved = fetched(log.source(), tmp_path / "moved", since={"read": all_days}, first=datetime.date(2025, 11, 4))
    assert moved.files == ()
    assert sorted(moved.position["read"]) == [
        place for place in sorted(all_days) if place > "interactions/dt=2025-11-04"
    ]


def test_files_of_one_writer_are_told_apart(log, shop, tmp_path):
    objects = shop.store.objects
    lines = [json.dumps(row).encode() + b"\n" for row in log.kept(ROWS[:3])]
    for number, line in zip((7, 1007, 5), lines, strict=True):
        objects.create(f"events/demo/interactions/dt=2025-11-05/host-1-w0-{number}.jsonl", line)
    position = fetched(log.source(), tmp_path / "before").position
    assert position == {"read": {"interactions/dt=2025-11-05/host-1-w0": "5 2 1000"}}
    objects.create("events/demo/interactions/dt=2025-11-05/host-1-w0-6.jsonl", lines[0])
    assert len(fetched(log.source(), tmp_path / "rest", since=position).files) == 1


def test_another_sources_position_is_refused(log, tmp_path):
    with pytest.raises(BadInput, match="is not one of event log of demo in memory"):
        fetched(log.source(), tmp_path / "here", since={"time": "2025-11-05", "key": "1"})


def test_it_is_one_tenants():
    with pytest.raises(UsageError, match="say which: --tenant NAME"):
        open_source({"type": "event_log"})
    with pytest.raises(Invalid, match="streams"):
        open_source({"type": "event_log", "streams": ["assignments"]})
