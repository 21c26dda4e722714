"""``recsys pipelines run --incremental``."""

from tests.unit.cli.test_commands import cli  # noqa: F401 - a fixture
from tests.unit.pipelines.shops import visits, write_jsonl


def _nightly(cli, tmp_path, *more, code=0):  # noqa: F811
    events = str(write_jsonl(tmp_path / "events.jsonl", visits()))
    run = ("pipelines", "run", "--tenant", "demo", "--surface", "home", "--events", events, "--signals", "popularity")
    return cli(*run, "--end", "2026-11-10", *more, code=code)


def test_it_ships_and_keeps_its_days(cli, tmp_path):  # noqa: F811
    said = _nightly(cli, tmp_path, "--incremental", "--days", "10", "--work", str(tmp_path / "kept"))
    assert "generation 2 is live" in said
    assert len(list((tmp_path / "kept/events").iterdir())) == 10


def test_neither_a_start_nor_incremental_is_refused(cli, tmp_path):  # noqa: F811
    _nightly(cli, tmp_path, code=2)
    assert "give --start or --incremental" in cli.said


def test_how_to_go_on_means_nothing_without_going_on(cli, tmp_path):  # noqa: F811
    _nightly(cli, tmp_path, "--start", "2026-11-01", "--backfill-days", "2", code=2)
    assert "add --incremental" in cli.said


def test_a_backfill_as_long_as_the_window_is_refused(cli, tmp_path):  # noqa: F811
    _nightly(cli, tmp_path, "--incremental", "--days", "3", "--backfill-days", "3", code=2)
    assert "backfill_days" in cli.said
