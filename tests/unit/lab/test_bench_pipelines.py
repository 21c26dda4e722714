"""The benchmark of the pipelines: its events are what it says, the bare queries find what the pipelines find, and the
command runs whole.
"""

import hashlib
import json
from datetime import date
from pathlib import Path

import duckdb
import msgspec
import pytest

from recsys.cli.app import run
from recsys.errors import Failed
from recsys.lab.bench.history import Shape, make_history

END = date(2026, 11, 28)
SHAPE = Shape(events=20_000, users=1_000, items=500, days=10)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.parquet")}


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_threads(tmp_path: Path):
    shape = Shape(events=200_000, users=1_000, items=500)  # more than a row group
    for threads in (1, 3):
        make_history(shape, tmp_path / str(threads), end=END, threads=threads)
    assert digests(tmp_path / "1") == digests(tmp_path / "3")
    make_history(SHAPE, tmp_path / "one", end=END)
    make_history(msgspec.structs.replace(SHAPE, seed=2), tmp_path / "two", end=END)
    assert digests(tmp_path / "one") != digests(tmp_path / "two")


def test_events_have_the_shape_that_was_asked_for(tmp_path: Path):
    history = make_history(SHAPE, tmp_path, end=END)
    with duckdb.connect() as db:
        db.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{history.events}')")
        rows, ids, sessions, first, last = db.execute(
            "SELECT count(*), count(DISTINCT event_id), count(DISTINCT session_id), min(ts), max(ts) FROM events"
        ).fetchone()
        nameless, followed = db.execute(
            "SELECT avg(CAST(user_id IS NULL AS INTEGER)), avg(CAST(request_id IS NOT NULL AS INTEGER)) FROM events"
        ).fetchone()
        (unknown,) = db.execute(
            f"SELECT count(*) FROM events ANTI JOIN read_parquet('{history.catalog}') USING (item_id)"
        ).fetchone()
        (busiest,) = db.execute("SELECT max(n) FROM (SELECT count(*) AS n FROM events GROUP BY item_id)").fetchone()
    assert rows == ids == 20_000
    assert sessions == 20_000 // 40 * 13
    assert (first.date(), last.date()) == (history.start, history.end) == (date(2026, 11, 19), END)
    assert nameless == pytest.approx(0.3, abs=0.02)
    assert followed == pytest.approx(0.12, abs=0.01)
    assert unknown == 0
    assert busiest > 20 * rows / SHAPE.items / 2, "few items sell most"


def test_a_folder_is_taken_again_and_never_for_another_shape(tmp_path: Path):
    made = make_history(SHAPE, tmp_path, end=END)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert make_history(SHAPE, tmp_path, end=date(2027, 1, 1)) == made
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written
    with pytest.raises(Failed, match="another shape"):
        make_history(Shape(events=10, users=1, items=2), tmp_path, end=END)


@pytest.mark.bench
def test_the_command_measures_whole_runs_that_find_what_bare_queries_find(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["--json", "bench", "pipelines", "--events", "20000", "--items", "300", "--days", "10"]
    assert run([*command, "--folder", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    held, whole = report["runs"]
    assert held["signals"] == ["popularity", "cooc"]
    assert set(held["took_s"]) == {"ingest", "validate", "compute", "publish"}
    assert {name.split()[0] for name in whole["rows"]} == {
        "popularity", "cooc", "implicit", "content_sim", "session_seq", "profiles",
    }  # fmt: skip
    assert held["artifacts"].items() <= whole["artifacts"].items()
    alike = report["likeness"]["20000"]
    assert alike["items"] > 200
    assert alike["pairs"] > 1_000
    assert alike["popularity"] < 1e-5
    assert alike["cooc"] < 1e-9
    assert alike["other_pairs"] == 0
    assert held["peak_mb"] > 50
    assert report["ratios"]["20000"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["history-20000-1000-300-10-1"]
    assert "20,000  bare queries" in printed.err
