"""A run that goes on from the one before makes what a run over the whole window makes."""

import datetime
import json
import os
import random

import duckdb
import pytest
from tests.unit.pipelines.shops import event, new_shop, visits, write_jsonl

from recsys.access import load_directory
from recsys.encoding import canonical
from recsys.errors import Refused, UsageError
from recsys.lab.bench.history import Shape, make_history
from recsys.pipelines import BadInput, Incremental, ingest, run
from recsys.pipelines.kept import alone
from recsys.releases import erase_users

WINDOW = 8
SIGNALS = ("popularity", "profiles")


@pytest.fixture
def shop():
    return new_shop()


def _day(row):
    return row["ts"][:10]


def _nightly(tmp_path, rows, *, name="events"):
    """Lay events down as a shop exports them: one file a day; return the glob."""
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    for day in sorted({_day(row) for row in rows}):
        write_jsonl(folder / f"{day}.jsonl", [row for row in rows if _day(row) == day])
    return f"{folder}/*.jsonl"


def _full(shop, events, *, end, **more):
    start = datetime.date.fromisoformat(end) - datetime.timedelta(days=WINDOW - 1)
    return _run(shop, events, start=start, end=end, **more)


def _run(shop, events, **more):
    return run(shop, surface="home", events=events, signals=SIGNALS, ship=False, force=True, reason="a test", **more)


def _next(shop, events, *, end, work, days=WINDOW, **more):
    how = {name: more.pop(name) for name in ("backfill_days", "rebuild") if name in more}
    incremental = Incremental(days=days, **{"backfill_days": 2} | how)
    return _run(shop, events, end=end, incremental=incremental, work=work, **more)


def _artifacts(report):
    return {name: dict(signal.scopes) for name, signal in report.signals.items()}


def _same(one, other):
    return _artifacts(one) == _artifacts(other) and one.counts["events"] == other.counts["events"]


@pytest.mark.long
def test_each_night_it_makes_the_artifacts_of_the_whole_window(shop, tmp_path):
    rows = visits()
    events = _nightly(tmp_path, rows)
    for end in ("2026-11-08", "2026-11-09", "2026-11-10"):
        grown = _next(shop, events, end=end, work=tmp_path / "kept")
        assert _same(grown, _full(shop, events, end=end)), end


def test_only_the_files_of_the_days_that_are_read_are_opened(shop, tmp_path):
    rows = visits()
    events = _nightly(tmp_path, [row for row in rows if _day(row) <= "2026-11-08"])
    _next(shop, events, end="2026-11-08", work=tmp_path / "kept")
    _nightly(tmp_path, [row for row in rows if _day(row) > "2026-11-08"])
    grown = _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    assert grown.counts["files"] == 10, "the last run ended on the 8th, within the days that are read again"
    again = _next(shop, events, end="2026-11-11", work=tmp_path / "kept")
    assert again.counts["files"] == 2, "those of the 9th and 10th"
    assert _same(again, _full(shop, events, end="2026-11-11"))


def test_a_file_that_changed_is_read_again(shop, tmp_path):
    events = _nightly(tmp_path, visits())
    _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    with (tmp_path / "events/2026-11-10.jsonl").open("a") as file:
        file.write(json.dumps(event(ts="2026-11-10T23:00:00Z", item_id="i00", user_id="late")) + "\n")
    assert _same(_next(shop, events, end="2026-11-10", work=tmp_path / "kept"), _full(shop, events, end="2026-11-10"))


def test_running_again_changes_nothing(shop, tmp_path):
    events = _nightly(tmp_path, visits())
    one = _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    two = _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    assert one.manifest == two.manifest


def test_what_comes_late_within_the_backfill_belongs_to_its_day(shop, tmp_path):
    rows = visits()
    late = event(ts="2026-11-09T12:00:00Z", item_id="i01", user_id="late")
    later = event(ts="2026-11-04T12:00:00Z", item_id="i02", user_id="later")
    events = _nightly(tmp_path, rows)
    _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    write_jsonl(tmp_path / "events/late.jsonl", [late, later])
    grown = _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    write_jsonl(tmp_path / "events/late.jsonl", [late])
    assert _same(grown, _full(shop, events, end="2026-11-10")), "the one from before the backfill is left out"


def test_an_event_told_again_on_a_later_day_counts_once(shop, tmp_path):
    rows = visits()
    events = _nightly(tmp_path, rows)
    _next(shop, events, end="2026-11-08", work=tmp_path / "kept")
    twin = next(row for row in rows if _day(row) == "2026-11-04") | {"ts": "2026-11-10T01:00:00Z"}
    write_jsonl(tmp_path / "events/again.jsonl", [twin])
    grown = _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    assert _same(grown, _full(shop, events, end="2026-11-10"))


def test_a_day_that_comes_back_with_less_than_half_is_refused(shop, tmp_path):
    rows = [event(ts=f"2026-11-10T10:00:{n:02}Z", user_id=f"u{n % 40}", item_id=f"i{n % 7}") for n in range(60)]
    events = _nightly(tmp_path, visits() + rows)
    _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    write_jsonl(tmp_path / "events/2026-11-10.jsonl", rows[:5])
    with pytest.raises(BadInput, match=r"2026-11-10 had .* events when it was read before and has 5 now.*--rebuild"):
        _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    assert _next(shop, events, end="2026-11-10", work=tmp_path / "kept", rebuild=True).counts["events"] > 5


def test_exposures_of_kept_days_still_say_where_an_event_followed_a_list(shop, tmp_path):
    shown = {
        "request_id": "r1",
        "user_id": "u1",
        "ts": "2026-11-05T10:00:00Z",
        "items": [{"item_id": f"i{n:02}", "rank": n + 1} for n in range(5)],
        "context": {"tenant_id": "demo", "surface": "home", "traffic": "user"},
    }
    bot = shown | {"request_id": "r2", "context": shown["context"] | {"traffic": "bot"}}
    followed = [
        event(ts="2026-11-10T10:00:00Z", item_id="i01", user_id="u1", request_id="r1", event_type="click"),
        event(ts="2026-11-10T10:00:00Z", item_id="i02", user_id="u1", request_id="r2", event_type="click"),
    ]
    write_jsonl(tmp_path / "exposures.jsonl", [shown, bot])
    events = [_nightly(tmp_path, visits()), tmp_path / "exposures.jsonl"]
    shop.releases.put_config(canonical({"signals": {"popularity": {"min_scope_votes": 1}}}))
    _next(shop, events, end="2026-11-08", work=tmp_path / "kept")
    write_jsonl(tmp_path / "events/followed.jsonl", followed)
    grown = _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    full = _full(shop, events, end="2026-11-10")
    assert "surface" in full.signals["popularity"].scopes
    assert _same(grown, full)
    assert grown.counts["events_not_by_users"] == 1


def test_an_erased_user_is_in_no_kept_day(shop, tmp_path):
    rows = visits()
    events = _nightly(tmp_path, rows)
    _next(shop, events, end="2026-11-09", work=tmp_path / "kept")
    name = load_directory(shop.store).tenant("demo").pseudonyms.of("user-7")
    erase_users(shop.releases, [name], reason="asked to")
    assert any(_day(row) < "2026-11-08" and row["user_id"] == "user-7" for row in rows), (
        "in a day that is not read again"
    )
    grown = _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    assert _same(grown, _full(shop, events, end="2026-11-10"))
    with duckdb.connect() as db:
        people = db.execute(f"SELECT name FROM '{tmp_path}/kept/people.parquet'").fetchall()
    assert (name,) not in people


def test_days_out_of_the_window_are_removed(shop, tmp_path):
    events = _nightly(tmp_path, visits())
    for end in ("2026-11-09", "2026-11-10"):
        _next(shop, events, end=end, work=tmp_path / "kept", days=4)
    kept = {path.parent.name for path in (tmp_path / "kept/events").glob("*/*.parquet")}
    assert kept == {f"dt=2026-11-{n:02}" for n in (7, 8, 9, 10)}


@pytest.mark.long
def test_a_longer_window_than_was_kept_is_read_again(shop, tmp_path):
    events = _nightly(tmp_path, visits())
    _next(shop, events, end="2026-11-10", work=tmp_path / "kept", days=4)
    assert _same(_next(shop, events, end="2026-11-10", work=tmp_path / "kept"), _full(shop, events, end="2026-11-10"))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_a_run_killed_at_any_write_leaves_what_the_next_goes_on_from(shop, tmp_path, seed, monkeypatch):
    rows = visits(seed=seed)
    events = _nightly(tmp_path, rows)
    _next(shop, events, end="2026-11-08", work=tmp_path / "kept")
    real, left = os.replace, [random.Random(seed).randrange(8)]

    def dying(*names):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        real(*names)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dying)
        with pytest.raises(KeyboardInterrupt):
            _next(shop, events, end="2026-11-09", work=tmp_path / "kept")
    assert _same(_next(shop, events, end="2026-11-10", work=tmp_path / "kept"), _full(shop, events, end="2026-11-10"))


def test_another_kind_of_ids_is_refused(shop, tmp_path):
    events = _nightly(tmp_path, visits())
    _next(shop, events, end="2026-11-09", work=tmp_path / "kept")
    with pytest.raises(UsageError, match="--rebuild"):
        _next(shop, events, end="2026-11-10", work=tmp_path / "kept", ids="pseudonymous")


def test_a_folder_with_kept_days_is_not_taken_for_another_run(shop, tmp_path):
    events = _nightly(tmp_path, visits())
    _next(shop, events, end="2026-11-09", work=tmp_path / "kept")
    with pytest.raises(UsageError, match="keeps the days"):
        _full(shop, events, end="2026-11-09", work=tmp_path / "kept")


def test_two_runs_never_share_a_folder(shop, tmp_path):
    (tmp_path / "kept").mkdir()
    with alone(tmp_path / "kept"), pytest.raises(Refused, match="another run"):
        _next(shop, _nightly(tmp_path, visits()), end="2026-11-09", work=tmp_path / "kept")


def test_without_a_folder_it_keeps_days_beside_the_store(tmp_path):
    shop = new_shop(str(tmp_path / "store"))
    events = _nightly(tmp_path, visits())
    _next(shop, events, end="2026-11-10", work=None)
    assert (tmp_path / "work/demo/home/days.json").exists()


def test_a_run_has_a_start_or_is_incremental(shop, tmp_path):
    events = _nightly(tmp_path, visits())
    with pytest.raises(UsageError, match="--incremental"):
        run(shop, surface="home", events=events, end="2026-11-10")


def _partials(tmp_path):
    return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept/partials/popularity.tenant").iterdir()}


@pytest.mark.long
def test_what_popularity_made_of_a_day_that_did_not_change_is_not_computed_again(shop, tmp_path):
    events = _nightly(tmp_path, visits())
    _next(shop, events, end="2026-11-09", work=tmp_path / "kept")
    before = _partials(tmp_path)
    grown = _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    after = _partials(tmp_path)
    assert len(before) == len(after) == WINDOW
    assert {name[:10] for name in set(after) - set(before)} == {"2026-11-10"}
    assert all(after[name] == before[name] for name in set(after) & set(before))
    assert _same(grown, _full(shop, events, end="2026-11-10"))


@pytest.mark.long
def test_other_weights_make_other_days(shop, tmp_path):
    events = _nightly(tmp_path, visits())
    _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    before = _partials(tmp_path)
    shop.releases.put_config(canonical({"signals": {"popularity": {"event_weights": {"click": 1}}}}))
    grown = _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    assert not set(before) & set(_partials(tmp_path))
    assert _same(grown, _full(shop, events, end="2026-11-10"))


@pytest.mark.long
def test_another_half_life_needs_no_day_again(shop, tmp_path):
    events = _nightly(tmp_path, visits())
    _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    before = _partials(tmp_path)
    shop.releases.put_config(canonical({"signals": {"popularity": {"half_life_days": 3}}}))
    grown = _next(shop, events, end="2026-11-10", work=tmp_path / "kept")
    assert before == _partials(tmp_path)
    assert _same(grown, _full(shop, events, end="2026-11-10"))


@pytest.mark.long
def test_a_day_has_the_same_bytes_whichever_days_are_read_with_it(shop, tmp_path):
    """Large enough that a day is several row groups, and where they begin could depend on the day before."""
    history = make_history(
        Shape(events=400_000, users=20_000, items=500, days=2), tmp_path / "history", end=datetime.date(2026, 11, 10)
    )
    window = {"surface": "home", "events": history.events, "end": history.end}
    both = ingest(shop, start=history.start, folder=tmp_path / "both", **window)
    one = ingest(shop, start=history.end, folder=tmp_path / "one", **window)
    assert one.partitions == tuple(part for part in both.partitions if part.day == str(history.end))
    assert all(part.rows > 122_880 for part in one.partitions if part.stream == "events")
