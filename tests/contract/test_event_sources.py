"""What every source of events must do, each from a real server of its kind."""

import datetime
import json
import re
import stat
from pathlib import Path

import msgspec
import pytest
from tests.contract.origins import ORIGINS, SECRET
from tests.unit.pipelines.shops import new_shop, visits, write_jsonl

from recsys.errors import RecsysError, UsageError
from recsys.pipelines import BadInput, Incremental, ingest, run
from recsys.pipelines.sources import EventSource, SourceAway, SourceDenied
from recsys.progress import silent

FIRST, LAST = datetime.date(2025, 11, 1), datetime.date(2025, 11, 10)
ROWS = sorted(
    ({**row, "ts": row["ts"].replace("2026", "2025")} for row in visits(users=15)), key=lambda row: str(row["ts"])
)


@pytest.fixture
def shop():
    return new_shop()


@pytest.fixture(params=ORIGINS)
def origin(request, shop, tmp_path, monkeypatch):
    (tmp_path / "origin").mkdir()
    return ORIGINS[request.param](shop, tmp_path / "origin", monkeypatch.setenv)


def fetched(source: EventSource, into: Path, *, since=None, first=FIRST, last=LAST):
    into.mkdir()
    return source.fetch(into, first=first, last=last, since=since, progress=silent)


def night(shop, source, folder, *, end=LAST, days=10):
    how = Incremental(days=days, backfill_days=2)
    start = end - datetime.timedelta(days=days - 1)
    return ingest(shop, events=source, surface="home", start=start, end=end, folder=folder, incremental=how)


def rows_of(found):
    """What was laid down, in an order of our own; a field that is null is one that is not there."""
    lines = [line for path in found.files for line in path.read_text().split("\n") if line]
    return in_order({name: value for name, value in json.loads(line).items() if value is not None} for line in lines)


def in_order(rows):
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def test_the_same_events_make_the_same_partitions_as_from_a_file(origin, shop, tmp_path):
    origin.put(ROWS)
    window = {"surface": "home", "start": FIRST, "end": LAST}
    file = write_jsonl(tmp_path / "all.jsonl", origin.kept(ROWS))
    from_file = ingest(shop, events=file, folder=tmp_path / "file", **window)
    from_source = ingest(shop, events=origin.source(), folder=tmp_path / "run", **window)
    assert from_source.partitions == from_file.partitions
    assert from_source.counts["events"] == len(ROWS)
    raw = [path for path in (tmp_path / "run").rglob("*") if path.is_file() and b"user-1" in path.read_bytes()]
    assert not raw
    assert not (tmp_path / "run" / "fetched").exists()


def test_a_fetch_again_brings_the_same(origin, tmp_path):
    origin.put(ROWS[:20])
    one, other = (fetched(origin.source(), tmp_path / name) for name in ("one", "other"))
    assert rows_of(one) == rows_of(other) == in_order(origin.kept(ROWS[:20]))
    assert one.position == other.position
    assert one.whole_days


def test_from_a_position_on_comes_exactly_the_rest(origin, tmp_path):
    origin.put(ROWS[:50])
    before = fetched(origin.source(), tmp_path / "before")
    if not origin.increments:
        assert before.whole_days
        pytest.skip("files are read whole: a position leaves out those that can hold none of the days")
    position = msgspec.json.decode(msgspec.json.encode(before.position))
    nothing = fetched(origin.source(), tmp_path / "nothing", since=position)
    assert rows_of(nothing) == []
    assert nothing.position == position
    origin.put(ROWS[50:])
    rest = fetched(origin.source(), tmp_path / "rest", since=position)
    assert rows_of(rest) == in_order(origin.kept(ROWS[50:]))
    assert not rest.whole_days
    assert rows_of(fetched(origin.source(), tmp_path / "end", since=rest.position)) == []


def test_what_is_laid_down_is_for_its_owner_alone(origin, tmp_path):
    origin.put(ROWS[:3])
    for path in fetched(origin.source(), tmp_path / "here").files:
        if path.is_relative_to(tmp_path / "here"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_night_by_night_it_makes_the_partitions_of_the_whole(origin, shop, tmp_path):
    """What came late, within the days that are taken back, belongs to its day; what came later is left out."""
    upto = [row for row in ROWS if row["ts"][:10] <= "2025-11-08"]
    rest = [row for row in ROWS if row["ts"][:10] > "2025-11-08"]
    late = [{**ROWS[0], "ts": "2025-11-07T12:00:00Z", "event_id": "late"}] if origin.late else []
    later = {**ROWS[0], "ts": "2025-11-05T12:00:00Z", "event_id": "later"}
    origin.put(upto)
    night(shop, origin.source(), tmp_path / "run", end=datetime.date(2025, 11, 8))
    origin.put([later, *late, *rest])
    grown = night(shop, origin.source(), tmp_path / "run")
    whole = write_jsonl(tmp_path / "all.jsonl", origin.kept([*ROWS, *late]))
    assert grown.partitions == night(shop, whole, tmp_path / "file").partitions
    assert grown.counts["events"] == len(ROWS) + len(late)
    again = night(shop, origin.source(), tmp_path / "run")
    assert again.partitions == grown.partitions
    assert not (tmp_path / "run" / "fetched").exists()


@pytest.mark.parametrize(
    ("days", "back"), [(5, 2), (12, 0)], ids=["it ends before what is kept", "it begins before what is kept"]
)
def test_a_window_that_goes_back_takes_no_day_away(origin, shop, tmp_path, days, back):
    """Files are read again; what is read by a position stays as it is, and the run says so."""
    origin.put(ROWS)
    whole = night(shop, origin.source(), tmp_path / "run")
    end = LAST - datetime.timedelta(days=back)
    if origin.increments:
        with pytest.raises(UsageError, match=r"the window of 2025-1.* goes back behind the days kept .*--rebuild"):
            night(shop, origin.source(), tmp_path / "run", end=end, days=days)
    else:
        night(shop, origin.source(), tmp_path / "run", end=end, days=days)
    assert night(shop, origin.source(), tmp_path / "run").partitions == whole.partitions


def test_a_dry_run_goes_no_further_than_the_run_before(origin, shop, tmp_path):
    def nightly(**more):
        how = Incremental(days=10, backfill_days=2)
        with_what = {"signals": ["popularity"], "ship": False, "force": True, "reason": "a test"}
        return run(
            shop, surface="home", events=origin.source(), end=LAST, work=work, incremental=how, **with_what, **more
        )

    def state():
        return {path: path.read_bytes() for path in work.rglob("*") if path.suffix in (".json", ".parquet")}

    work = tmp_path / "run"
    origin.put(ROWS[:-9])
    nightly()
    before = state()
    origin.put(ROWS[-9:])
    assert nightly(dry_run=True).counts["events"] == len(ROWS)
    assert state() == before
    assert not [*work.glob("recsys-run-*")]
    assert nightly().counts["events"] == len(ROWS)


def test_text_comes_as_it_was_written(origin, tmp_path):
    row = {**ROWS[0], "item_id": 'ぬいぐるみ "𝄞" \\ \'; drop table', "surface": "line\nend\tand\u2028more"}
    origin.put([row])
    assert rows_of(fetched(origin.source(), tmp_path / "here")) == origin.kept([row])


def test_nothing_there_is_told_by_the_run(origin, shop, tmp_path):
    if not origin.increments:
        origin.put([])  # a file without a line: no file at all is an error of its own
    with pytest.raises(BadInput, match="no rows"):
        ingest(shop, events=origin.source(), surface="home", start=FIRST, end=LAST, folder=tmp_path / "run")
    assert not (tmp_path / "run" / "fetched").exists()


def test_a_bad_row_is_told_by_its_source_and_no_folder_that_is_gone(origin, shop, tmp_path):
    origin.put(origin.kept([*ROWS, {**ROWS[-1], "item_id": "i" * 300, "event_id": "long"}]))
    with pytest.raises(BadInput, match="item_id is too long") as told:
        run(shop, surface="home", events=origin.source(), start=FIRST, end=LAST, work=tmp_path / "work")
    assert "fetched" not in told.value.message
    assert re.search(r" line \d+:", told.value.message)
    if type(origin).__name__ != "Files":
        assert told.value.message.startswith(f"{origin.source().name}: ")


def test_a_run_that_fails_leaves_nothing_raw(origin, shop, tmp_path):
    origin.put([*ROWS[:5], {**ROWS[5], "item_id": "x" * 300}])
    with pytest.raises(BadInput, match="item_id is too long"):
        ingest(shop, events=origin.source(), surface="home", start=FIRST, end=LAST, folder=tmp_path / "run")
    assert not (tmp_path / "run" / "fetched").exists()


def test_a_check_says_what_there_is_and_no_value(origin):
    origin.put(ROWS[:10])
    checked = origin.source().check()
    said = msgspec.json.encode(checked).decode()
    assert checked.credentials
    assert {"item_id", "user_id", "ts"} <= set(checked.fields)
    assert "user-" not in said
    assert any(isinstance(value, int) and value > 0 for value in checked.found.values())


@pytest.mark.parametrize(
    ("how", "kind", "code"),
    [
        ("away", SourceAway, "SOURCE_AWAY"),
        ("denied", SourceDenied, "SOURCE_DENIED"),
        ("missing", BadInput, "BAD_INPUT"),
    ],
)
def test_an_error_names_the_connection_and_no_secret(origin, tmp_path, how, kind, code, monkeypatch):
    origin.put(ROWS[:1])
    if how == "denied" and hasattr(origin, "objects"):
        moto = pytest.importorskip("moto.settings", reason="another service has its own ways")
        monkeypatch.setattr(moto, "INITIAL_NO_AUTH_ACTION_COUNT", moto.INITIAL_NO_AUTH_ACTION_COUNT)
    wrong = getattr(origin, how)()
    for ask in (lambda: fetched(wrong, tmp_path / "here"), wrong.check):
        with pytest.raises(RecsysError) as error:
            ask()
        assert type(error.value) is kind
        assert error.value.code == code
        assert SECRET not in str(error.value)
        assert error.value.next_step
        if how != "missing":
            assert "credentials: " in str(error.value)
        place = {"bucket": "s3://", "postgresql": "postgresql://", "kafka": "Kafka "}
        kind_of = next(name for name, of in ORIGINS.items() if type(origin) is of)
        assert place.get(kind_of, str(tmp_path)) in str(error.value)
