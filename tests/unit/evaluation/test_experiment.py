"""Experiments: from a log to a decision, each rule and each doubt."""

import json
import math
import random
import typing

import pytest
from tests.unit.evaluation.conftest import Log, at
from tests.unit.evaluation.every_mode import check_report

from recsys.documents import experiments
from recsys.errors import UsageError
from recsys.evaluation import evaluate
from recsys.evaluation.errors import NotInData, SettingsInvalid
from recsys.evaluation.settings import Unit

ITEMS = ["i1", "i2", "i3"]


class Trial:
    """Visitors of an experiment, each with so many requests; clicks and money by arm."""

    def __init__(self, log: Log, *, seed: int = 1) -> None:
        self.log, self.dice, self.number = log, random.Random(seed), 0

    def visit(self, arm, *, unit=None, click=False, value=None, minute=0.0, items=ITEMS, context=None, **more):
        self.number += 1
        request = f"r{self.number:06d}"
        said = {
            "experiment_id": "taste-1", "experiment_variant": arm, "unit_type": "anonymous_id",
            "unit_id": unit or f"u{self.number}", "surface": "home", "rung": "live", **(context or {}),
        }  # fmt: skip
        if arm is None:
            del said["experiment_variant"]
        self.log.show(request, items, minute=minute, context={k: v for k, v in said.items() if v is not None}, **more)
        if click:
            self.log.act(request, items[0], minute=minute + 1)
        if value is not None:
            self.log.act(request, items[0], "conversion", minute=minute + 2, value=value)
        return request

    def arm(self, name, *, units, rate, requests=2, days=4, worth=20.0, **more):
        """Let units come on so many days; each request is clicked at this rate, and one click of four buys."""
        for unit in range(units):
            for nth in range(requests):
                clicked = self.dice.random() < rate
                bought = worth * self.dice.lognormvariate(0, 0.5) if clicked and self.dice.random() < 0.25 else None
                minute = 1440 * ((unit + nth) % days) + self.dice.random() * 600
                self.visit(name, unit=f"{name}-{unit}", click=clicked, value=bought, minute=minute, **more)

    def run(self, *, config=None, dataset=None, **asked):
        experiment = {
            "experiment_id": "taste-1", "control_variant": "plain", "primary_metrics": ["ctr"],
            "usual_effect": 0.5, **asked,
        }  # fmt: skip
        whole = {"mode": "experiment", "experiment": experiment, **(config or {})}
        return evaluate(dataset={**self.log.dataset(), **(dataset or {})}, config=whole)


@pytest.fixture
def trial(log):
    return Trial(log)


@pytest.fixture
def even(trial):
    trial.arm("plain", units=150, rate=0.3)
    trial.arm("taste", units=150, rate=0.3)
    return trial


def effect(report, metric, variant="taste"):
    (found,) = [e for e in report.experiment.effects if (e.metric, e.variant) == (metric, variant)]
    return found


def test_a_better_arm_is_shipped(trial):
    trial.arm("plain", units=300, rate=0.2)
    trial.arm("taste", units=300, rate=0.5)
    report = trial.run()
    assert (report.decision.outcome, report.decision.rule, report.exit_code) == ("ship", "success", 0)
    check_report(report)
    seen = effect(report, "ctr:served")
    assert seen.verdict == "better"
    assert seen.interval == seen.sequential
    assert seen.fixed.low > seen.sequential.low
    assert seen.candidate - seen.control == pytest.approx(seen.absolute)


def test_a_worse_primary_metric_is_rolled_back(trial):
    trial.arm("plain", units=300, rate=0.5)
    trial.arm("taste", units=300, rate=0.2)
    report = trial.run()
    assert (report.decision.outcome, report.decision.rule, report.exit_code) == ("rollback", "primary_worse", 3)


def test_arms_that_are_alike_are_held_with_what_is_still_needed(even):
    report = even.run(mde=0.1)
    assert (report.decision.outcome, report.decision.rule, report.exit_code) == ("hold", "undecided", 2)
    seen = effect(report, "ctr:served")
    assert seen.units_needed > seen.units
    assert seen.days_needed > 0
    assert f"{seen.units_needed:,} units" in report.decision.what_happened


def test_fixed_inference_decides_at_the_planned_look_alone(trial):
    trial.arm("plain", units=300, rate=0.2)
    trial.arm("taste", units=300, rate=0.5)
    early = trial.run(inference="fixed", planned_n=601)
    assert (early.decision.outcome, early.decision.rule) == ("hold", "planned_look")
    planned = trial.run(inference="fixed", planned_n=600)
    assert planned.decision.outcome == "ship"
    assert effect(planned, "ctr:served").interval == effect(planned, "ctr:served").fixed


def test_a_harmed_guardrail_rolls_back_what_would_ship(trial):
    trial.arm("plain", units=300, rate=0.2)
    trial.arm("taste", units=300, rate=0.5, latency_ms=90.0)
    for row in trial.log.rows["exposures"]:
        row.setdefault("latency_ms", 20.0 + trial.dice.random())
    report = trial.run(guardrails=[{"metric": "latency_p95", "margin": 10.0}])
    assert (report.decision.outcome, report.decision.rule) == ("rollback", "guardrail_harmed")
    (guard,) = report.experiment.guardrails
    assert guard.state == "harmed"
    assert guard.interval.low > 10


def test_an_unsettled_guardrail_holds_and_a_wide_margin_settles_it(trial):
    trial.arm("plain", units=300, rate=0.2)
    trial.arm("taste", units=300, rate=0.5)
    tight = trial.run(success_metrics=["ctr"], guardrails=[{"metric": "conversion_rate", "margin": 0.0001}])
    assert tight.experiment.guardrails[0].state in ("unclear", "non_inferior")
    even_money = [{"metric": "revenue_per_request", "margin": 0.5, "relative": True}]
    wide = trial.run(guardrails=[{"metric": "conversion_rate", "margin": 0.5}])
    assert wide.decision.outcome == "ship"
    assert trial.run(guardrails=even_money).experiment.guardrails[0].relative


def test_a_relative_margin_without_anything_in_control_is_unclear(trial):
    trial.arm("plain", units=60, rate=0.3)
    trial.arm("taste", units=60, rate=0.3)
    trial.visit("taste", unit="taste-0", items=[])
    report = trial.run(guardrails=[{"metric": "empty_rate", "margin": 0.1, "relative": True}])
    assert report.experiment.guardrails[0].state == "unclear"


def test_an_arm_that_fails_is_aborted_whatever_else_the_data_says(trial):
    trial.arm("plain", units=200, rate=0.3)
    trial.arm("taste", units=40, rate=0.3)  # a sample ratio that would hold
    for number in range(160):
        trial.visit("taste", unit=f"taste-{number}", items=[], error="timeout", context={"traffic": "bot"})
    report = trial.run(guardrails=[{"metric": "error_rate", "ceiling": 0.05}])
    assert any(check.state == "hold" for check in report.integrity)
    assert (report.decision.outcome, report.decision.rule, report.exit_code) == ("abort", "operational_harm", 3)
    (broken,) = [arm for arm in report.experiment.ceilings if arm.broken]
    assert broken.variant == "taste"
    assert broken.requests == 40 * 2 + 160


def test_an_arm_that_fails_before_anybody_bought_is_aborted_too(trial):
    trial.arm("plain", units=200, rate=0.3)
    trial.arm("taste", units=40, rate=0.3)
    for number in range(160):
        trial.visit("taste", unit=f"taste-{number}", items=[], error="timeout")
    outcomes = trial.log.rows["outcomes"]
    trial.log.rows["outcomes"] = [row for row in outcomes if row["event_type"] == "click"]
    bought = {"primary_metrics": ["conversion_rate", "ctr"], "success_metrics": ["conversion_rate"]}
    report = trial.run(guardrails=[{"metric": "error_rate", "ceiling": 0.05}], **bought)
    assert (report.decision.outcome, report.decision.rule) == ("abort", "operational_harm")
    (check,) = [check for check in report.integrity if check.name == "answerable"]
    assert "the outcomes hold no conversion" in check.sentence
    assert {effect.metric for effect in report.experiment.effects} == {"ctr:served", "error_rate"}
    with pytest.raises(NotInData, match="the outcomes hold no conversion"):
        trial.run(guardrails=[{"metric": "error_rate", "ceiling": 0.99}], **bought)


def test_the_control_that_fails_aborts_no_candidate(trial):
    trial.arm("plain", units=100, rate=0.3, error="timeout")
    trial.arm("taste", units=100, rate=0.3)
    report = trial.run(guardrails=[{"metric": "error_rate", "ceiling": 0.05}])
    assert [arm.broken for arm in report.experiment.ceilings] == [True, False]
    assert report.decision.outcome != "abort"


def test_a_mismatch_of_the_arms_holds_and_says_where_it_began(trial):
    trial.arm("plain", units=300, rate=0.3)
    trial.arm("taste", units=180, rate=0.3)
    report = trial.run(slice_keys=["surface"])
    assert (report.decision.outcome, report.decision.rule) == ("hold", "integrity")
    whole = report.experiment.sample_ratio[0]
    assert whole.units == {"plain": 300, "taste": 180}
    assert whole.p < 0.001
    assert "2026-11-22" in report.decision.what_happened


def test_meant_shares_are_taken_from_the_config(trial):
    trial.arm("plain", units=300, rate=0.3)
    trial.arm("taste", units=100, rate=0.3)
    report = trial.run(variants={"plain": 3, "taste": 1})
    assert report.experiment.sample_ratio[0].p == 1.0
    assert [arm.meant_share for arm in report.experiment.arms] == [0.75, 0.25]


def test_an_arm_nobody_was_to_get_holds(even):
    even.arm("other", units=20, rate=0.3)
    report = even.run(variants={"plain": 0.5, "taste": 0.5})
    assert report.decision.rule == "integrity"
    assert "other got units and was to get none" in report.decision.what_happened


def test_units_seen_in_several_arms_hold_above_a_hundredth_and_are_kept_in_their_first(even):
    for unit in range(10):
        even.visit("taste", unit=f"plain-{unit}", minute=9000)
    report = even.run()
    assert report.experiment.crossovers == 10
    assert report.decision.rule == "integrity"
    assert report.experiment.arms[0].units == 150
    assert report.experiment.arms[0].requests == 310
    (alone,) = [line for line in report.experiment.sensitivity if line.way == "without_crossovers"]
    assert alone.units == 290


def test_an_effect_too_good_to_be_true_is_doubted(trial):
    trial.arm("plain", units=300, rate=0.1)
    trial.arm("taste", units=300, rate=0.9)
    report = trial.run(usual_effect=0.1)
    assert report.decision.rule == "integrity"
    assert "too" in report.decision.what_happened or "usually wrong" in report.decision.what_happened
    assert abs(effect(report, "ctr:served").shrunk) < effect(report, "ctr:served").relative / 5


def test_bots_and_what_is_excluded_are_left_out(even):
    before = even.run()
    for number in range(200):
        even.visit("taste", unit=f"bot-{number}", click=True, context={"traffic": "bot"})
        even.visit("taste", unit=f"kiosk-{number}", click=True, context={"device": "kiosk"})
    after = even.run(exclude={"device": ["kiosk"]})
    assert effect(after, "ctr:served").absolute == effect(before, "ctr:served").absolute


def test_requests_without_the_unit_are_counted_and_not_analysed(even):
    for _ in range(7):
        even.visit("plain", context={"unit_id": None})
    report = even.run()
    assert report.experiment.requests_without_unit == 7
    assert report.experiment.arms[0].requests == 300


def test_the_unit_counts_and_not_its_requests(trial):
    # One arm's clicks all come from few who come often: by requests it would be sure, by units it is not.
    for arm, keen in (("plain", 2), ("taste", 5)):
        for unit in range(60):
            for nth in range(40 if unit < keen else 1):
                trial.visit(arm, unit=f"{arm}-{unit}", click=unit < keen, minute=nth)
    seen = effect(trial.run(), "ctr:served")
    assert seen.p_fixed > 0.05
    requests = (2 * 40 + 58, 5 * 40 + 55)
    rates = (80 / requests[0], 200 / requests[1])
    naive = math.sqrt(sum(rate * (1 - rate) / n for rate, n in zip(rates, requests, strict=True)))
    assert (rates[1] - rates[0]) / naive > 3


def test_money_is_capped_and_both_ways_are_shown(trial):
    trial.arm("plain", units=200, rate=0.4)
    trial.arm("taste", units=200, rate=0.4)
    trial.visit("taste", unit="taste-0", value=1e6)
    report = trial.run(primary_metrics=["revenue_per_request"], winsorise=0.95)
    seen = effect(report, "revenue_per_request:served")
    (plain,) = [line for line in report.experiment.sensitivity if line.way == "plain"]
    assert seen.method == "winsorised"
    assert plain.absolute > 1000
    assert abs(seen.absolute) < 20


def test_what_was_known_before_narrows_the_interval(trial, tmp_path):
    before = []
    for arm in ("plain", "taste"):
        for unit in range(200):
            keen = unit % 4 == 0
            for nth in range(4):
                clicked = trial.dice.random() < (0.8 if keen else 0.1)
                trial.visit(arm, unit=f"{arm}-{unit}", click=clicked, minute=1440 + nth)
            before += [
                {"ts": at(-1440 * (1 + nth)), "item_id": "i1", "event_type": "click", "anonymous_id": f"{arm}-{unit}"}
                for nth in range(3 if keen else 0)
            ]
    path = tmp_path / "before.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in before))
    preperiod = {"preperiod": {"type": "jsonl", "path": str(path)}}
    report = trial.run(dataset=preperiod, cuped={"metric": "ctr", "days": 7})
    seen = effect(report, "ctr:served")
    (plain,) = [line for line in report.experiment.sensitivity if line.way == "plain"]
    assert seen.method == "cuped"
    assert seen.removed > 0.4
    assert seen.interval.high - seen.interval.low < 0.8 * (plain.interval.high - plain.interval.low)


def test_assignments_say_who_was_in_it_and_those_who_saw_nothing_dilute_it(trial):
    trial.arm("plain", units=200, rate=0.2)
    trial.arm("taste", units=200, rate=0.4)
    given = [(row["request_id"], row["ts"], row["context"]) for row in trial.log.rows["exposures"]]
    given += [
        (f"{arm} unseen {n}", at(5), {"experiment_variant": arm, "unit_id": f"{arm} {n}"})
        for arm in ("plain", "taste")
        for n in range(20)
    ]
    trial.log.rows["assignments"] = [
        {
            "experiment_id": "taste-1",
            "variant": context["experiment_variant"],
            "request_id": request,
            "ts": ts,
            "unit_id": context["unit_id"],
            "unit_type": "anonymous_id",
        }
        for request, ts, context in given
    ]
    report = trial.run(config={"integrity": {"min_join_rate": 0.9}})
    (diluted,) = [line for line in report.experiment.sensitivity if line.way == "diluted"]
    assert diluted.absolute == pytest.approx(effect(report, "ctr:served").absolute * 200 / 220)
    assert next(c for c in report.integrity if c.name == "assignments_matched").value == pytest.approx(800 / 840)
    assert next(c for c in report.integrity if c.name == "complement").state == "ok"


def test_arms_and_units_may_be_known_to_the_assignments_alone(trial):
    trial.arm("plain", units=100, rate=0.3)
    trial.arm("taste", units=100, rate=0.3)
    with_both = trial.run(guardrails=[{"metric": "empty_rate", "ceiling": 0.5}])
    rows = trial.log.rows["exposures"]
    trial.log.rows["assignments"] = [
        {
            "experiment_id": "taste-1",
            "variant": row["context"]["experiment_variant"],
            "request_id": row["request_id"],
            "ts": row["ts"],
            "unit_id": row["context"]["unit_id"],
            "unit_type": "anonymous_id",
        }
        for row in rows
    ]
    for row in rows:
        row["context"] = {"surface": "home"}
    alone = trial.run(guardrails=[{"metric": "empty_rate", "ceiling": 0.5}])
    assert alone.experiment.effects == with_both.experiment.effects
    assert alone.experiment.ceilings == with_both.experiment.ceilings


def test_days_and_novelty_are_shown(even):
    report = even.run(slice_keys=["surface"])
    days = [day for day in report.experiment.by_time if day.kind == "cumulative"]
    assert [day.at for day in days] == ["2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25"]
    assert days[-1].absolute == pytest.approx(effect(report, "ctr:served").absolute)
    assert days[-1].interval.high - days[-1].interval.low < days[0].interval.high - days[0].interval.low
    assert {day.at for day in report.experiment.by_time if day.kind == "since_first"} >= {"0", "1"}
    (slice_,) = report.experiment.slices
    assert slice_.absolute == pytest.approx(effect(report, "ctr:served").absolute)


def test_of_several_metrics_p_values_are_corrected_by_role(even):
    report = even.run(primary_metrics=["ctr"], success_metrics=["ctr", "conversion_rate", "revenue_per_request"])
    p = sorted(e.p for e in report.experiment.effects)
    assert min(e.p_adjusted for e in report.experiment.effects) == pytest.approx(min(1.0, 3 * p[0]))


def test_every_arm_stands_beside_control(even):
    even.arm("bold", units=150, rate=0.6)
    report = even.run()
    assert {e.variant for e in report.experiment.effects} == {"taste", "bold"}
    assert report.decision.outcome == "ship"
    assert "of bold" in report.decision.what_happened


def test_the_same_log_gives_the_same_bytes_in_any_order(even):
    once = even.run(slice_keys=["surface"]).to_json()
    even.dice.shuffle(even.log.rows["exposures"])
    even.dice.shuffle(even.log.rows["outcomes"])
    assert even.run(slice_keys=["surface"]).to_json() == once


@pytest.mark.parametrize("view", ["to_markdown", "to_html"])
def test_every_view_shows_what_was_found(even, view):
    report = even.run(slice_keys=["surface"], guardrails=[{"metric": "empty_rate", "margin": 0.01, "ceiling": 0.1}])
    text = getattr(report, view)()
    for said in (
        "Effects",
        "Guardrails",
        "Ceilings of each arm",
        "Sample ratio",
        "Day by day",
        "surface = home",
        "Power",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"experiment_id": "taste-2"}, "experiment `taste-2`: no row names it"),
        ({"control_variant": "plian"}, "arm `plian`"),
        ({"variants": {"plain": 1, "tastes": 1}}, "arm `tastes`"),
        ({"unit": "user_id"}, "unit `user_id`"),
        ({"slice_keys": ["country"]}, "slice key `country`"),
        ({"primary_metrics": ["fallback_rate", "latency_p99"]}, "metric `latency_p99`: no exposure has latency_ms"),
        ({"cuped": {"metric": "ctr"}}, "the dataset has no preperiod"),
    ],
)  # fmt: skip
def test_what_is_not_in_the_data_is_an_error(even, asked, said):
    if asked.get("unit") == "user_id":
        for row in even.log.rows["exposures"]:
            del row["user_id"]
    with pytest.raises(NotInData, match=said):
        even.run(**asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"primary_metrics": ["crt"]}, "unknown metric `crt`"),
        ({"primary_metrics": []}, "primary_metrics is empty"),
        ({"primary_metrics": ["ndcg"]}, "needs k"),
        ({"primary_metrics": ["coverage@5"]}, "no value per request"),
        ({"primary_metrics": ["latency_p99:viewed"]}, "takes no denominator"),
        ({"inference": "fixed"}, "planned_n"),
        ({"variants": {"a": 1}}, "not among the variants"),
        ({"guardrails": [{"metric": "ctr"}]}, "demands nothing"),
        ({"cuped": {"metric": "revenue_per_request"}}, "is not compared"),
        ({"alpah": 0.1}, "alpha"),
    ],
)
def test_settings_that_mean_nothing_are_refused(even, asked, said):
    with pytest.raises(UsageError, match=said):
        even.run(**asked)


def test_a_mode_without_its_settings_is_refused(even):
    with pytest.raises(SettingsInvalid, match="no `experiment:`"):
        evaluate(dataset=even.log.dataset(), config={"mode": "experiment"})


def test_units_are_those_that_experiments_are_assigned_by():
    assert typing.get_args(Unit) == typing.get_args(experiments.Unit)
