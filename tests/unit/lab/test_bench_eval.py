"""The benchmark of evaluation: its log is what it says, the numbers are known beforehand, the command runs whole."""

import json
from math import log2
from pathlib import Path

import duckdb
import msgspec
import pytest

from recsys.cli.app import run
from recsys.errors import Failed, UsageError
from recsys.evaluation import evaluate
from recsys.lab.bench.log import CONFIG, LogShape, make_log, truth

SHAPE = LogShape(exposures=6_000, outcomes=1_800, items=12, slices=16)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory):
    return make_log(SHAPE, tmp_path_factory.mktemp("log") / "it", kinds=("parquet", "jsonl"))


def by_hand(log, k: int) -> tuple[float, float]:
    """NDCG and CTR in plain Python, from the lines of the log."""
    lists, acts = {}, {}
    for role, kept in (("exposures", lists), ("outcomes", acts)):
        for path in log.folder.glob(f"{role}-*.jsonl"):
            for line in path.read_text().splitlines():
                row = json.loads(line)
                kept.setdefault(row["request_id"], []).append(row)
    gain, clicked = 0.0, 0
    for request, done in acts.items():
        for exposure in lists.get(request, []):
            ranks = {one["item_id"]: one["rank"] for one in exposure["items"]}
            counted = {
                (one["item_id"], one["event_type"])
                for one in done
                if one["item_id"] in ranks
                and one["ts"][:10] <= exposure["ts"][:8] + f"{int(exposure['ts'][8:10]) + 1:02}"
            }
            relevant = {item for item, _ in counted}
            if relevant:
                best = sum(1 / log2(place + 1) for place in range(1, min(len(relevant), k) + 1))
                gain += sum(1 / log2(ranks[item] + 1) for item in relevant if ranks[item] <= k) / best
            clicked += any(kind == "click" for _, kind in counted)
    return gain / SHAPE.exposures, clicked / SHAPE.exposures


def test_what_the_metrics_come_to_is_known_before_anything_is_evaluated(log):
    known = truth(SHAPE)
    ndcg, ctr = by_hand(log, k=10)
    assert known.ndcg == pytest.approx(ndcg, abs=1e-12)
    assert known.ctr == ctr
    # 1,250 of 1,500 requests would be clicked; of every hundredth visit three are lost.
    assert ctr == (1_500 - 3 * 3) / 6_000


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_an_evaluation_finds_what_the_log_was_made_with(log, kind: str):
    report = evaluate(dataset=log.dataset(kind), config=CONFIG, allow_no_baseline=True)
    found = {(one.metric, one.over): one.value for one in report.offline.metrics}
    known = truth(SHAPE)
    assert found["ndcg@10", "served"] == pytest.approx(known.ndcg, abs=1e-9)
    assert found["ctr:served", "served"] == known.ctr
    assert len(report.offline.slices) == SHAPE.slices
    assert {drop.reason: drop.outcomes for drop in report.drops if drop.outcomes} == {
        "no_exposure": 3, "not_shown": 3, "outside_window": 3,
    }  # fmt: skip


def test_the_same_shape_gives_the_same_rows_and_another_seed_others(log, tmp_path: Path):
    again = make_log(SHAPE, tmp_path / "again")
    other = make_log(msgspec.structs.replace(SHAPE, seed=2), tmp_path / "other")
    with duckdb.connect() as db:
        for role in ("exposures", "outcomes"):
            rows = {
                name: db.execute(
                    f"SELECT sum(hash(r)) FROM read_parquet('{each.files(role, 'parquet')}') AS r"
                ).fetchone()
                for name, each in (("first", log), ("again", again), ("other", other))
            }
            assert rows["again"] == rows["first"] != rows["other"]


def test_a_folder_is_taken_again_and_never_for_another_shape(log):
    written = {path: path.stat().st_mtime_ns for path in log.folder.iterdir()}
    assert make_log(SHAPE, log.folder, kinds=("jsonl",)) == log
    assert {path: path.stat().st_mtime_ns for path in log.folder.iterdir()} == written
    with pytest.raises(Failed, match="another shape"):
        make_log(msgspec.structs.replace(SHAPE, items=10), log.folder)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"outcomes": 1_801}, "cannot be made"),
        ({"outcomes": 7_800}, "too many"),
        ({"slices": 2}, "too few"),
        ({"items": 1}, "no length"),
    ],
)
def test_a_shape_that_no_log_has_is_an_error(tmp_path: Path, change: dict[str, int], says: str):
    with pytest.raises(UsageError, match=says):
        make_log(msgspec.structs.replace(SHAPE, **change), tmp_path)


def test_a_disk_without_room_is_an_error_before_anything_is_written(tmp_path: Path):
    huge = LogShape(exposures=10**12, outcomes=6 * 10**11)
    with pytest.raises(Failed, match="GB free"):
        make_log(huge, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.bench
def test_the_command_measures_an_evaluation_beside_a_query_that_finds_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["--json", "bench", "eval", "--exposures", "6000", "--outcomes", "1800", "--folder", str(tmp_path)]
    assert run(command) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert [(one["kind"], one["who"]) for one in report["runs"]] == [
        ("parquet", "evaluation"), ("parquet", "query"), ("jsonl", "evaluation"), ("jsonl", "query"),
    ]  # fmt: skip
    assert report["figures"] == 2 * 2 * 49
    assert set(report["runs"][0]["took_s"]) >= {"read and check", "join", "measure"}
    assert all(one["peak_mb"] > 20 for one in report["runs"])
    assert report["ratios"].keys() == {"parquet", "jsonl"}
    assert "evaluation: " in printed.err


@pytest.mark.bench
@pytest.mark.parametrize("mode", ["experiment", "ope"])
def test_other_modes_are_measured_too(mode: str, capsys: pytest.CaptureFixture[str]):
    command = ["--json", "bench", "eval", "--exposures", "6000", "--outcomes", "1800", "--mode", mode]
    assert run([*command, "--kinds", "parquet"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["mode"] for one in report["runs"]] == [mode]
