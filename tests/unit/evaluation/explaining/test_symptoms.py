"""Symptoms by themselves: a report whose figures are put otherwise, and data that answers from a table."""

from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace
from tests.unit.evaluation.explaining.shop import CANDIDATE, CONTROL, DAYS

from recsys.encoding import Invalid
from recsys.evaluation import Report, explain, read_report
from recsys.evaluation.experiment.results import DayEffect
from recsys.evaluation.explaining.explain import SYMPTOMS, causes_first
from recsys.evaluation.explaining.finding import Finding, found
from recsys.evaluation.explaining.logs import Top
from recsys.evaluation.parts import Check, Day, Interval, Joins


class Answers(NamedTuple):
    """Data of which one question is known."""

    known: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_more: self.known[name]


def check(symptom: str, report: Report, **known: Any) -> Finding:
    finding = SYMPTOMS[symptom](report, Answers(known) if known else None)
    assert finding is not None
    return finding


def with_checks(report: Report, **states: tuple[str, float]) -> Report:
    """Let checks say otherwise: their state and value."""
    return replace(
        report,
        integrity=tuple(
            replace(each, state=states[each.name][0], value=states[each.name][1]) if each.name in states else each
            for each in report.integrity
        ),
    )


def with_experiment(report: Report, **changed: Any) -> Report:
    return replace(report, experiment=replace(report.experiment, **changed))


def with_effect(report: Report, **changed: Any) -> Report:
    return with_experiment(report, effects=(replace(report.experiment.effects[0], **changed),))


def days(**matched: float) -> tuple[Day, ...]:
    """Make days of 100 exposures and 100 outcomes; of days not named all outcomes have their exposure."""
    return tuple(
        Day(day=day, joins=Joins(exposures=100, exposures_with_outcome=0.5, outcomes=100, outcomes_matched=share))
        for day, share in {
            **dict.fromkeys(DAYS, 1.0),
            **{name.replace("_", "-"): v for name, v in matched.items()},
        }.items()
    )


def test_a_log_in_which_every_list_is_looked_at_is_no_log_of_clicks_alone(report):
    joins = replace(report.joins, exposures_with_outcome=1.0)
    offline = replace(report, mode="offline", experiment=None, joins=joins)
    assert check("everything_wins", offline).verdict == "ruled_out"
    all_clicked = replace(offline, data=replace(report.data, requests_with_relevant=report.data.requests))
    assert check("everything_wins", all_clicked).verdict == "found"


def test_nobody_acts_for_an_hour(report):
    late = check("clocks", report, delay_min=61.3, matched_where=("r1",))
    assert late.verdict == "found"
    assert "by 1 h" in late.cause
    assert check("clocks", report, delay_min=0.4).verdict == "ruled_out"
    alone = check("clocks", report)
    assert (alone.verdict, "--dataset" in alone.unseen) == ("ruled_out", True)


def test_a_gap_that_is_no_zone_is_not_called_one(report):
    assert "zone" not in check("clocks", report, delay_min=37.0, matched_where=()).cause


def test_a_day_may_be_bad_though_the_whole_is_good_enough(report):
    joins = Joins(exposures=700, exposures_with_outcome=0.5, outcomes=1400, outcomes_matched=0.96)
    day = check("low_joins", replace(report, joins=joins, days=days(**{DAYS[3].replace("-", "_"): 0.6})))
    assert (day.verdict, day.first_bad_day, day.last_bad_day) == ("found", DAYS[3], DAYS[3])


def test_outcomes_of_the_day_before_the_window_are_told_from_lost_exposures(report):
    joins = Joins(exposures=700, exposures_with_outcome=0.5, outcomes=700, outcomes_matched=0.9)
    edge = check("low_joins", replace(report, joins=joins, days=days(**{DAYS[0].replace("-", "_"): 0.3})))
    assert "before the window begins" in edge.cause


def test_one_surface_that_loses_its_exposures_is_its_clients_fault(report):
    joins = Joins(exposures=700, exposures_with_outcome=0.5, outcomes=700, outcomes_matched=0.9)
    broken = replace(report, joins=joins, days=days(**{DAYS[2].replace("-", "_"): 0.3}))
    by = {"home": (1, 50), "pdp": (69, 50 + 69)}
    seen = check("low_joins", broken, unmatched_by=by, unmatched=("r1",), exposures_on=())
    assert seen.stands_out == "surface = pdp"
    assert "client of pdp" in seen.cause


def test_a_day_without_exposures_is_missing(report):
    gone = replace(report, days=tuple(day for day in days() if day.day != DAYS[3]))
    seen = check("missing_days", gone)
    assert (seen.verdict, seen.first_bad_day) == ("found", DAYS[3])


def test_an_arm_that_begins_later_is_told_from_one_that_stops(report):
    lines = [
        replace(line, units={CONTROL: 40}) if line.part == f"day {DAYS[0]}" else line
        for line in report.experiment.sample_ratio
    ]
    seen = check("missing_arm", with_experiment(report, sample_ratio=tuple(lines)))
    assert (seen.verdict, seen.first_bad_day) == ("found", DAYS[0])
    assert "began later" in seen.cause


def test_an_arm_without_any_outcome_is_silent(report):
    seen = check("all_zero", with_effect(report, candidate=0.0, p_fixed=1e-9))
    assert seen.verdict == "found"
    assert f"shows {CANDIDATE} sends no outcomes" in seen.cause
    assert check("all_zero", with_effect(report, candidate=0.0, p_fixed=0.2)).verdict == "ruled_out"


def test_rows_that_were_copied_are_told_from_ids_that_were_used_again(report):
    broken = with_checks(report, duplicate_request_ids=("hold", 0.05))
    broken = replace(broken, data=replace(broken.data, duplicate_request_ids=9))
    copied = check("reused_request_ids", broken, reused=(DAYS[1], DAYS[1], 1.0), reused_ids=("r1",))
    again = check("reused_request_ids", broken, reused=(DAYS[1], DAYS[4], 0.0), reused_ids=("r1",))
    assert "copied" in copied.cause
    assert "uses a request id again" in again.cause


def test_an_effect_of_one_slice_alone_stands_out(report):
    wide = {"interval": Interval(low=-0.05, high=0.05), "absolute": 0.0}
    slices = [replace(each, **wide) for each in report.experiment.slices]
    tv = next(n for n, each in enumerate(slices) if each.value == "tv")
    slices[tv] = replace(slices[tv], interval=Interval(low=0.5, high=0.7), absolute=0.6)
    broken = with_checks(with_experiment(report, slices=tuple(slices)), possible_lift=("hold", 5.0))
    assert check("impossible_lift", broken).stands_out == "device = tv"
    both = [replace(each, interval=Interval(low=0.5, high=0.7), absolute=0.6) for each in slices]
    broken = with_checks(with_experiment(report, slices=tuple(both)), possible_lift=("hold", 5.0))
    assert check("impossible_lift", broken).stands_out is None


def by_time(kind: str, effects: list[tuple[str, float]], *, units: int = 200) -> tuple[DayEffect, ...]:
    return tuple(
        DayEffect(
            kind=kind, at=at, variant=CANDIDATE, metric="ctr:served", absolute=effect,
            interval=Interval(low=effect - 0.1, high=effect + 0.1), units=units,
        )
        for at, effect in effects
    )  # fmt: skip


def test_an_effect_that_one_day_made_is_dated(report):
    jumped = by_time("cumulative", [(DAYS[0], 0.02), (DAYS[1], 0.0), (DAYS[2], 0.9), (DAYS[3], 0.8)])
    seen = check("one_day", with_experiment(report, by_time=jumped))
    assert (seen.verdict, seen.first_bad_day) == ("found", DAYS[2])
    drifted = by_time("cumulative", [(DAYS[0], 0.02), (DAYS[1], 0.1), (DAYS[2], 0.2)])
    assert check("one_day", with_experiment(report, by_time=drifted)).verdict == "ruled_out"


def test_an_effect_that_wears_off_is_novelty_when_enough_came_back(report):
    faded = [("0", 0.5), ("1", 0.3), ("2-3", 0.02)]
    assert check("novelty", with_experiment(report, by_time=by_time("since_first", faded))).verdict == "found"
    stays = [("0", 0.3), ("1", 0.3), ("2-3", 0.25)]
    assert check("novelty", with_experiment(report, by_time=by_time("since_first", stays))).verdict == "ruled_out"
    few = by_time("since_first", faded, units=20)
    assert check("novelty", with_experiment(report, by_time=few)).verdict == "not_seen"


def test_a_check_that_holds_and_that_nobody_explains_is_told_as_it_stands(report):
    strange = Check(name="strange", state="hold", value=1.0, threshold=0.0, sentence="it is strange")
    seen = check("other_checks", replace(report, integrity=(*report.integrity, strange)))
    assert (seen.verdict, seen.said) == ("found", "it is strange")


def top(share: float, *, units: int = 400, rows: int = 400) -> Top:
    return Top(share, units, rows, DAYS[1], DAYS[1], ("r1",))


@pytest.mark.parametrize(
    ("requests", "outcomes", "verdict"),
    [
        (top(0.2), top(0.01), "found"),  # a robot
        (top(0.01), top(0.2), "found"),  # a test account that clicks
        (top(0.09), top(0.09), "ruled_out"),
        (top(0.01), top(0.3, units=25), "ruled_out"),  # a keen one of few
        (top(0.01), top(0.9, units=5, rows=30), "found"),
        (top(0.01), top(0.9, units=2, rows=10), "ruled_out"),  # ten rows tell nothing
        (top(0.5, units=3), top(0.9, units=3), "not_seen"),
    ],
)
def test_one_unit_may_not_have_much_of_all(report, requests, outcomes, verdict):
    class Tops:
        def top_unit(self, measure: str) -> Top | None:
            return {"requests": requests, "outcomes": outcomes, "value": None}[measure]

    assert SYMPTOMS["few_units"](report, Tops()).verdict == verdict


def test_of_an_amount_the_error_tells_that_one_unit_made_it(report):
    alone = with_effect(report, metric="revenue_per_request:served", control=0.5, candidate=100.0, error=98.0)
    assert check("few_units", alone).verdict == "found"
    counts = with_effect(report, control=0.01, candidate=0.05, error=0.05 * 6**0.5 / 5)  # one against five
    assert check("few_units", counts).verdict == "ruled_out"


def test_traffic_that_is_mostly_bots_is_told(report):
    joins = replace(report.joins, exposures=1000)
    assert (
        check("bots", replace(report, joins=joins, data=replace(report.data, requests_not_by_users=600))).verdict
        == "found"
    )
    assert check(
        "bots", replace(report, joins=joins, data=replace(report.data, requests_not_by_users=400))
    ).verdict == ("ruled_out")


def test_what_follows_from_a_cause_comes_after_all_causes_and_names_it():
    def of(symptom: str, day: str | None, *brings: str) -> Finding:
        return found(symptom, "", cause="", next_step="", first_bad_day=day, brings=brings)  # type: ignore[arg-type]

    told = causes_first([of("missing_arm", DAYS[3], "low_joins"), of("low_joins", DAYS[3]), of("bots", None)])
    assert [(each.symptom, each.follows_from) for each in told] == [
        ("missing_arm", None), ("bots", None), ("low_joins", "missing_arm"),
    ]  # fmt: skip
    told = causes_first([of("missing_arm", DAYS[3], "low_joins"), of("low_joins", DAYS[1])])
    assert [each.follows_from for each in told] == [None, None]


@pytest.mark.parametrize("page", ["to_markdown", "to_html"])
def test_a_page_is_no_report_and_says_what_is(report, page):
    with pytest.raises(Invalid, match=r"a page for people.*recsys eval run --output report\.json"):
        explain(getattr(report, page)().encode())


def test_what_is_no_report_says_how_one_is_made():
    with pytest.raises(Invalid, match=r"not JSON.*--output report\.json"):
        read_report(b"mode: offline")
