"""What is kept of the runs before the last one: bounded, and not in the way of who knows only the last one."""

from pathlib import Path

import msgspec
import pytest
from tests.unit.pipelines.shops import END, START, Shop, event, new_shop, visits, write_jsonl
from tests.unit.pipelines.test_run import FROM_EVENTS, go

from recsys.access import delete_tenant
from recsys.encoding import canonical, rfc3339
from recsys.pipelines import BadInput, ChecksFailed, last_run, last_runs, past_run, past_runs, run
from recsys.pipelines.report import KEPT_RUNS, LastRun, last_run_key, record_run

WHEN_S = 1_793_000_000.0


@pytest.fixture
def shop() -> Shop:
    return new_shop()


def ended(number: int, **how: object) -> LastRun:
    """Return a run that began so many hours after the first."""
    began = rfc3339(WHEN_S + 3600 * number)
    return LastRun(
        **{"tenant": "demo", "surface": "home", "stage": "done", "started": began, "finished": began, **how}  # type: ignore[arg-type]
    )


def test_runs_are_kept_newest_first_good_ones_and_failed_ones(shop: Shop, tmp_path: Path) -> None:
    events = write_jsonl(tmp_path / "events.jsonl", visits())
    go(shop, events, clock=lambda: WHEN_S)
    bad = write_jsonl(tmp_path / "bad.jsonl", [event(quantity=-1)])
    with pytest.raises(BadInput):
        go(shop, bad, clock=lambda: WHEN_S + 60)
    failed, good = past_runs(shop.store, "demo", "home")
    assert (good.stage, good.generation, failed.stage, failed.error_code) == ("done", 2, "ingest", "BAD_INPUT")
    assert failed == last_run(shop.store, "demo", "home")
    assert set(good.took_s) == {"ingest", "validate", "compute", "publish"}
    assert past_runs(shop.store, "demo", "cart") == ()


def test_a_run_is_one_record_from_its_begin_to_its_end(shop: Shop) -> None:
    begun = ended(1, stage="compute", finished=None, run_id="aa")
    record_run(shop.store, begun)
    assert past_runs(shop.store, "demo", "home") == (begun,)
    done = msgspec.structs.replace(begun, stage="done", finished=begun.started)
    record_run(shop.store, done)
    assert past_runs(shop.store, "demo", "home") == (done,)


def test_two_runs_that_began_at_one_moment_are_two(shop: Shop) -> None:
    record_run(shop.store, ended(1, run_id="aa"))
    record_run(shop.store, ended(1, run_id="bb"))
    assert {one.run_id for one in past_runs(shop.store, "demo", "home")} == {"aa", "bb"}


def test_only_the_last_ones_are_kept(shop: Shop) -> None:
    for number in range(KEPT_RUNS + 3):
        record_run(shop.store, ended(number))
    kept = past_runs(shop.store, "demo", "home")
    assert len(kept) == len(list(shop.store.objects.keys("past_runs/"))) == KEPT_RUNS
    assert kept[0].started == ended(KEPT_RUNS + 2).started
    assert kept[-1].started == ended(3).started
    assert past_runs(shop.store, "demo", "home", most=2) == kept[:2]


def test_who_asks_for_the_last_runs_finds_only_these(shop: Shop) -> None:
    for number in range(3):
        record_run(shop.store, ended(number))
    assert last_runs(shop.store, "demo") == {"home": ended(2)}
    assert list(shop.store.objects.keys("runs/demo/")) == [last_run_key("demo", "home")]


def test_a_last_run_that_an_older_version_wrote_is_among_them(shop: Shop) -> None:
    record_run(shop.store, ended(1))
    older = b'{"tenant":"demo","surface":"home","stage":"done","started":"2027-01-01T00:00:00.000Z","checks":["few"]}'
    shop.store.objects.replace(last_run_key("demo", "home"), older)
    newest, before = past_runs(shop.store, "demo", "home")
    assert (newest.started, newest.measured, before) == ("2027-01-01T00:00:00.000Z", (), ended(1))


def test_a_run_is_found_by_its_name(shop: Shop) -> None:
    for number in range(3):
        record_run(shop.store, ended(number, run_id="ab"))
    assert past_run(shop.store, "demo", "home", ended(1, run_id="ab").name) == ended(1, run_id="ab")
    for name in ("20260101", "../../runs/demo/home", ""):
        assert past_run(shop.store, "demo", "home", name) is None
    older = ended(9)
    shop.store.objects.replace(last_run_key("demo", "home"), canonical(older))
    assert past_run(shop.store, "demo", "home", older.name) == older


def test_a_record_that_cannot_be_read_hides_no_other(shop: Shop) -> None:
    for number in range(3):
        record_run(shop.store, ended(number))
    damaged = next(iter(shop.store.objects.keys("past_runs/")))
    shop.store.objects.replace(damaged, b"{")
    assert past_runs(shop.store, "demo", "home") == (ended(2), ended(1))


def test_what_the_checks_saw_is_kept_also_where_all_is_well(shop: Shop, tmp_path: Path) -> None:
    events = write_jsonl(tmp_path / "events.jsonl", visits())
    go(shop, events)
    go(shop, write_jsonl(tmp_path / "more.jsonl", visits(seed=2)), clock=lambda: WHEN_S * 2)
    newest, first = past_runs(shop.store, "demo", "home")
    assert "low_volume" in {one.name for one in first.measured}
    assert not any(one.name.endswith("_rows") for one in first.measured), "nothing was served to hold it against"
    rows = next(one for one in newest.measured if one.name == "popularity_rows")
    assert (rows.seen, rows.limit, rows.ok) == (1.0, 0.5, True)
    assert "popularity_alike" in {one.name for one in newest.measured}


def test_what_the_checks_saw_is_kept_where_they_stop_the_run(shop: Shop, tmp_path: Path) -> None:
    events = write_jsonl(tmp_path / "events.jsonl", visits())
    catalog = write_jsonl(tmp_path / "c.jsonl", [{"item_id": "other"}])
    with pytest.raises(ChecksFailed):
        go(shop, events, catalog=catalog)
    go(shop, events, clock=lambda: WHEN_S * 2)
    few = write_jsonl(tmp_path / "few.jsonl", visits(items=5))
    with pytest.raises(ChecksFailed, match="knows 5 items"):
        run(shop, surface="home", events=few, start=START, end=END, signals=FROM_EVENTS, clock=lambda: WHEN_S * 2.1)
    drifted, _, stopped = past_runs(shop.store, "demo", "home")
    assert [one.name for one in stopped.measured if not one.ok] == ["unknown_item_share"]
    assert next(one.seen for one in drifted.measured if one.name == "popularity_rows") == pytest.approx(
        5 / 12, abs=1e-3
    )


def test_a_dry_run_leaves_nothing(shop: Shop, tmp_path: Path) -> None:
    go(shop, write_jsonl(tmp_path / "events.jsonl", visits()), dry_run=True)
    assert list(shop.store.objects.keys("past_runs/")) == []


def test_a_tenant_that_is_deleted_takes_them_along(shop: Shop) -> None:
    record_run(shop.store, ended(1))
    done = delete_tenant(shop.store, "demo", actor="tests")
    assert (done.removed.runs, done.removed.past_runs) == (1, 1)
    assert list(shop.store.objects.keys("past_runs/")) == []
