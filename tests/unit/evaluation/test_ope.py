"""Off-policy: estimates where the truth is known, and what must not be estimated."""

import csv
import gzip
import json
import random
from pathlib import Path

import duckdb
import numpy as np
import pytest
from tests.unit.evaluation.conftest import at
from tests.unit.evaluation.every_mode import check_report

from recsys.evaluation import evaluate
from recsys.evaluation.errors import NotInData, SettingsInvalid
from recsys.evaluation.statistics.ratios import ratio_of_sums
from recsys.evaluation.statistics.weighting import Placed, estimate, slate_terms, weights_of

SHARED = Path(__file__).parents[4] / "shared" / "data" / "open-bandit"


def placed(weights, rewards, *, units=None):
    requests, places = np.asarray(weights).shape
    return Placed(
        np.repeat(np.arange(requests), places),
        np.asarray(weights, dtype=float).ravel(),
        np.asarray(rewards, dtype=float).ravel(),
        np.arange(requests) if units is None else np.asarray(units),
    )


class TestEstimators:
    def test_a_worked_example(self):
        shown = placed([[2.0, 0.5], [0.5, 2.0]], [[1, 0], [0, 1]])

        def value(kind, *, normalised=False):
            return estimate(slate_terms(shown, kind=kind), shown.unit, normalised=normalised).value

        assert value("sips") == pytest.approx((1 * 1 + 1 * 1) / 2)
        assert value("iips") == pytest.approx((2 + 2) / 2)
        assert value("rips") == pytest.approx((2 * 1 + 1 * 1) / 2)
        assert value("sips", normalised=True) == pytest.approx(2 / 2)
        assert value("iips", normalised=True) == pytest.approx(4 / (5 / 2))
        assert value("rips", normalised=True) == pytest.approx(3 / ((2 + 1 + 0.5 + 1) / 2))

    def test_any_earns_once(self):
        shown = placed([[1.0, 1.0]] * 2, [[1, 1], [0, 0]])
        assert estimate(slate_terms(shown, kind="sips", together="any"), shown.unit, normalised=False).value == 0.5

    def test_requests_of_a_unit_are_one_for_the_error(self):
        once = placed([[1.0]] * 4, [[0], [1], [1], [0]])
        twice = placed([[1.0]] * 8, [[0], [1], [1], [0]] * 2, units=[0, 1, 2, 3] * 2)
        alone, together = (estimate(slate_terms(s, kind="iips"), s.unit, normalised=False) for s in (once, twice))
        assert together.variance == pytest.approx(alone.variance)

    def test_weights_are_worth_what_kish_says(self):
        shown = placed([[3.0], [1.0], [0.0], [0.0]], [[0]] * 4)
        seen = weights_of(slate_terms(shown, kind="sips"), shown.unit)
        assert seen.effective == pytest.approx(16 / 10)
        assert seen.largest_share == pytest.approx(0.75)
        assert seen.mean == 1.0

    def test_a_ratio_of_sums_without_units_is_nothing(self):
        assert ratio_of_sums(np.zeros(3), np.zeros(3)) is None


def show(log, number, items, *, logging, target, click=None, unit=None):
    log.rows["exposures"].append(
        {
            "request_id": f"r{number:05d}", "ts": at(0),
            "context": {"unit_id": unit or f"u{number}", "unit_type": "user_id"},
            "items": [
                {"item_id": item, "rank": rank, "logging_propensity": one, "target_propensity": other}
                for rank, (item, one, other) in enumerate(zip(items, logging, target, strict=True), start=1)
            ],
        }
    )  # fmt: skip
    if click is not None:
        log.act(f"r{number:05d}", click)


def run(log, *, dataset=None, **asked):
    return evaluate(dataset={**log.dataset(), **(dataset or {})}, config={"mode": "ope", "ope": asked})


def fill(log, *, requests=600, good="b", target_good=0.8):
    """One place, two items with even chances: `a` is clicked by a tenth, the good one by half."""
    dice = random.Random(2)
    for number in range(requests):
        item = dice.choice("ab")
        target = target_good if item == good else 1 - target_good
        clicked = dice.random() < (0.5 if item == good else 0.1)
        show(log, number, [item], logging=[0.5], target=[target], click=item if clicked else None)


def test_a_policy_that_would_earn_more_goes_on(log):
    fill(log)
    report = run(log)
    check_report(report)
    first = report.ope.estimates[0]
    assert (report.decision.outcome, report.decision.rule, report.exit_code) == ("pass", "better", 0)
    assert first.interval.low < 0.8 * 0.5 + 0.2 * 0.1 < first.interval.high
    assert first.gain == pytest.approx(first.value - report.ope.logged)
    assert first.gain_interval.high - first.gain_interval.low < first.interval.high - first.interval.low


def test_a_policy_that_would_earn_less_fails(log):
    fill(log, target_good=0.2)
    report = run(log)
    assert (report.decision.outcome, report.decision.rule, report.exit_code) == ("gate_failed", "worse", 4)


def test_a_policy_the_log_hardly_shows_is_held(log):
    for number in range(300):
        show(log, number, ["a"], logging=[0.9], target=[0.01], click="a" if number % 3 == 0 else None)
    show(log, 999, ["b"], logging=[0.001], target=[0.99], click="b")
    report = run(log)
    assert report.decision.rule == "integrity"
    check_report(report)
    held = {check.name for check in report.integrity if check.state == "hold"}
    assert {"effective_sample", "largest_weight"} <= held


def test_wrong_propensities_show_in_the_mean_weight(log):
    for number in range(300):
        show(log, number, ["ab"[number % 2]], logging=[0.25], target=[0.5], click=None)
    log.act("r00001", "b")
    report = run(log)
    assert next(c for c in report.integrity if c.name == "mean_weight").state == "hold"


def test_an_item_without_support_is_held(log):
    fill(log)
    show(log, 9999, ["c"], logging=[0.0], target=[0.5])
    report = run(log)
    assert next(c for c in report.integrity if c.name == "unsupported").state == "hold"
    check_report(report)


def test_clipping_is_told(log):
    fill(log, requests=200)
    for number in range(300, 310):
        show(log, number, ["a"], logging=[1e-9], target=[1e-9])
    report = run(log)
    assert report.ope.clipped == pytest.approx(10 / 210)
    assert next(c for c in report.integrity if c.name == "clipped").state == "hold"


def test_the_doubly_robust_estimator_is_narrower_and_right(log, tmp_path):
    fill(log)
    dice = random.Random(4)
    path = tmp_path / "target.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "request_id": row["request_id"], "ranker": "target",
                    "items": [{"item_id": "b" if dice.random() < 0.8 else "a", "rank": 1}],
                }
            )
            + "\n"
            for row in log.rows["exposures"]
        )
    )  # fmt: skip
    lists = {"ranklists": {"type": "jsonl", "path": str(path)}}
    report = run(log, dataset=lists, estimators=["dr", "dm", "iips"])
    doubly, _, weighted = report.ope.estimates
    assert doubly.interval.low < 0.42 < doubly.interval.high
    assert doubly.interval.high - doubly.interval.low < weighted.interval.high - weighted.interval.low


@pytest.mark.parametrize("missing", ["target_propensity", "logging_propensity"])
def test_a_log_without_propensities_is_refused(log, missing):
    fill(log, requests=10)
    for row in log.rows["exposures"]:
        for item in row["items"]:
            del item[missing]
    with pytest.raises(NotInData, match="no shown item has one"):
        run(log)


@pytest.mark.parametrize("without", ["logging_propensity", "propensity"])
def test_parquet_says_the_same_with_the_fields_that_somebody_filled(log, tmp_path, without):
    """Lines have every field of an item; a file only those it was written with, or a struct that lacks some."""
    fill(log, requests=100)
    for exposure in log.rows["exposures"]:
        for item in exposure["items"]:
            known = item.pop("logging_propensity")
            item["propensity" if without == "logging_propensity" else "logging_propensity"] = known
    lines = log.dataset()
    exposures = tmp_path / "exposures.parquet"
    duckdb.execute(
        f"COPY (SELECT * FROM read_json('{lines['exposures']['path']}', timestampformat = '-', dateformat = '-')) "
        f"TO '{exposures}' (FORMAT parquet)"
    )
    table = run(log, dataset={"exposures": {"type": "parquet", "path": str(exposures)}})
    assert table.ope == run(log).ope


def test_a_model_without_the_targets_lists_is_refused(log):
    fill(log, requests=10)
    with pytest.raises(NotInData, match="no ranklists"):
        run(log, estimators=["dr"])


def test_estimators_that_add_up_items_cannot_tell_any(log):
    fill(log, requests=10)
    with pytest.raises(SettingsInvalid, match="adds up items"):
        run(log, reward_aggregation="any", estimators=["sips", "rips"])


def test_the_other_policys_own_log_says_what_the_answer_is(log):
    """Real data: the uniform log weighed to the other policy's chances, against what that policy's own log earned."""
    if not SHARED.is_dir():
        pytest.skip("the open bandit sample is not beside this checkout")
    rows = {policy: _open_bandit(policy) for policy in ("random", "bts")}
    chances = {}
    for item, position, _, chance in rows["bts"]:
        chances.setdefault((item, position), []).append(chance)
    # Its chances change with time. An item is seen the likelier the likelier it was, so their mean is the harmonic one.
    mean_chance = {key: len(values) / sum(1 / value for value in values) for key, values in chances.items()}
    for number, (item, position, clicked, chance) in enumerate(rows["random"]):
        target = mean_chance.get((item, position), 0.0)
        show(log, number, [item], logging=[chance], target=[target], click=item if clicked else None)
    report = run(log, estimators=["sniips", "iips"], max_mean_off=0.5, max_unsupported=1.0)
    truth = sum(clicked for _, _, clicked, _ in rows["bts"]) / len(rows["bts"])
    assert report.ope.estimates[0].interval.low <= truth <= report.ope.estimates[0].interval.high


def _open_bandit(policy):
    with gzip.open(SHARED / policy / "men.csv.gz", "rt") as file:
        return [
            (row["item_id"], int(row["position"]), row["click"] == "1", float(row["propensity_score"]))
            for row in csv.DictReader(file)
        ]
