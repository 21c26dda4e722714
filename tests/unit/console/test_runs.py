"""Runs in the words of their page."""

import json

import pytest

from recsys.console.charts import Chart, Curve
from recsys.console.runs import charts_of, drift_of, how_it_went
from recsys.encoding import rfc3339
from recsys.pipelines.errors import Exceeded
from recsys.pipelines.report import LastRun, Measured

NOW_S = 1_800_000_000.0


def ran(ago_s: float = 3600.0, **how: object) -> LastRun:
    began = rfc3339(NOW_S - ago_s)
    return LastRun(**{"tenant": "demo", "surface": "home", "stage": "done", "started": began, "finished": began, **how})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "word", "state"),
    [
        ({"shipped": True, "generation": 3}, "shipped", "healthy"),
        ({"generation": 3}, "nothing new", "healthy"),
        ({}, "made, not shipped", "degraded"),
        ({"stage": "ingest", "error": "no file. give one"}, "failed", "failing"),
        ({"stage": "compute", "finished": None}, "under way", "unknown"),
        ({"stage": "compute", "finished": None, "ago_s": 7 * 3600.0}, "never ended", "failing"),
    ],
)
def test_how_a_run_ended_is_said_in_a_word(how: dict[str, object], word: str, state: str) -> None:
    told = how_it_went(ran(**how), now_s=NOW_S)  # type: ignore[arg-type]
    assert (told.word, told.state) == (word, state)
    assert told.bad == (state == "failing")
    assert bool(told.next_step) == told.bad


def test_a_run_that_did_not_end_before_the_next_began_was_killed() -> None:
    told = how_it_went(ran(stage="compute", finished=None), now_s=NOW_S, newest=False)
    assert told.ended == "killed"
    assert "was it killed?" in told.said


def test_stages_say_where_it_stopped() -> None:
    told = how_it_went(ran(stage="validate", error="bad. mend it", took_s={"ingest": 4.0}), now_s=NOW_S)
    assert [stage.state for stage in told.stages] == ["done", "stopped", "not_reached", "not_reached"]
    assert (told.said, told.next_step) == ("bad", "mend it")
    assert {stage.state for stage in how_it_went(ran(), now_s=NOW_S).stages} == {"done"}
    begun = how_it_went(ran(stage="begin", finished=None), now_s=NOW_S)
    assert {stage.state for stage in begun.stages} == {"not_reached"}


@pytest.mark.parametrize(
    ("name", "seen", "limit", "told"),
    [
        ("cooc_rows", 0.186, 0.5, ("cooc: items, of what is served", "19%", "50%")),
        ("session_seq_alike", 0.05, 0.1, ("session_seq: in common with what is served", "5.0%", "10%")),
        ("low_volume", 0.1, 0.2, ("smallest new day, of a usual one", "0.10×", "0.20×")),
        ("days_missing", 3.0, 0.0, ("days without events at the end", "3", "0")),
        ("items", 1_200_000.0, 1_000_000.0, ("items", "1,200,000", "1,000,000")),
        ("max_empty_rate", 0.25, 0.05, ("replay gate: empty lists", "25%", "5.0%")),
    ],
)
def test_what_stopped_it_is_told_with_its_unit(
    name: str, seen: float, limit: float, told: tuple[str, str, str]
) -> None:
    failed = ran(stage="publish", error="x", stopped_by=(Exceeded(name=name, seen=seen, limit=limit),))
    (found,) = how_it_went(failed, now_s=NOW_S).stopped_by
    assert (found.title, found.seen, found.limit) == told


def test_what_is_wrong_stands_first_and_then_what_was_held_against_what_is_served() -> None:
    run = ran(
        measured=(
            Measured(name="low_volume", seen=1.0, limit=0.2),
            Measured(name="cooc_rows", seen=1.0, limit=0.5),
            Measured(name="top_share", seen=0.9, limit=0.5, ok=False),
        )
    )
    assert [one.name for one in drift_of(run)] == ["top_share", "cooc_rows", "low_volume"]


def test_runs_are_drawn_oldest_first_and_of_several_scopes_the_one_with_least_in_common() -> None:
    measured = (Measured(name="cooc_alike", seen=0.9, limit=0.4), Measured(name="cooc_alike", seen=0.6, limit=0.4))
    runs = [
        ran(60.0, took_s={"compute": 3.0, "ingest": 1.0}, measured=measured),
        ran(120.0, took_s={"ingest": 2.0}, measured=measured),
        ran(180.0, stage="compute", finished=None),
    ]
    (seconds, alike) = (chart for _, _, chart in charts_of(runs))
    assert seconds.x == (NOW_S - 120.0, NOW_S - 60.0)
    assert seconds.series == (Curve(label="ingest", values=(2.0, 1.0)), Curve(label="compute", values=(None, 3.0)))
    assert alike.series == (Curve(label="cooc", values=(0.6, 0.6)),)


def test_one_run_is_not_drawn() -> None:
    assert charts_of([ran(took_s={"ingest": 1.0})]) == ()


def test_a_chart_is_handed_over_without_what_is_not_said() -> None:
    import msgspec

    chart = Chart(label="x", x=(1.0,), series=(Curve(label="a", values=(None,)),), min=0.0)
    assert json.loads(msgspec.json.encode(chart)) == {
        "label": "x",
        "x": [1.0],
        "series": [{"label": "a", "values": [None]}],
        "min": 0.0,
    }
