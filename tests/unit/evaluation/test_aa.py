"""A/A: the test of experiments finds nothing where there is nothing, and says where it cannot be trusted."""

import random

import pytest
from tests.unit.evaluation.every_mode import check_report

from recsys.evaluation import evaluate
from recsys.evaluation.errors import BadData


def fill(log, *, units, keen):
    dice = random.Random(1)
    number = 0
    for unit in range(units):
        for _ in range(1 + int(dice.expovariate(0.5))):
            number += 1
            log.show(f"r{number}", ["a", "b"], context={"unit_id": f"u{unit}", "unit_type": "anonymous_id"})
            if dice.random() < keen(unit):
                log.act(f"r{number}", "a")


def run(log, **asked):
    return evaluate(dataset=log.dataset(), config={"mode": "aa-check", "aa": {"metrics": ["ctr"], **asked}})


def test_a_metric_that_many_units_make_is_sound(log):
    fill(log, units=400, keen=lambda unit: (unit % 10) / 10)
    report = run(log)
    check_report(report)
    (line,) = report.aa.lines
    assert (report.decision.outcome, report.decision.rule) == ("pass", "sound")
    assert line.low <= line.false_positives <= line.high
    assert sum(line.p_values) == report.aa.splits == 1000
    assert run(log).to_json() == report.to_json()


def test_a_metric_that_a_few_units_make_is_told(log):
    fill(log, units=200, keen=lambda unit: 1.0 if unit == 7 else 0.0)
    report = run(log)
    assert (report.decision.outcome, report.decision.rule) == ("hold", "unsound")
    check_report(report)


def test_too_few_units_are_refused(log):
    fill(log, units=20, keen=lambda _unit: 0.5)
    with pytest.raises(BadData, match="20 units are too few"):
        run(log)


@pytest.mark.parametrize("view", ["to_markdown", "to_html"])
def test_it_is_shown(log, view):
    fill(log, units=120, keen=lambda _unit: 0.5)
    assert "A sound test" in getattr(run(log), view)() or "a sound test" in getattr(run(log), view)()
