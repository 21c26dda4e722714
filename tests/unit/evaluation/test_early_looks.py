"""The first looks at an experiment: what little data there is must not pass for certainty."""

import numpy as np
import pytest

from recsys.evaluation import evaluate
from recsys.evaluation.statistics import sequential
from recsys.evaluation.statistics.differences import difference
from recsys.evaluation.statistics.ratios import Ratio


def share(part, whole):
    values = np.repeat([1.0, 0.0], [part, whole - part])
    return Ratio(float(values.mean()), float(values.var(ddof=1) / whole), whole)


@pytest.fixture
def judged(log):
    """Show and click by arm, one request a unit, and judge."""

    def judge(*, units, clicks, guardrails=(), **more):
        for arm in ("plain", "taste"):
            for unit in range(units):
                request = f"{arm}-{unit:04d}"
                context = {
                    "experiment_id": "t", "experiment_variant": arm, "rung": "live",
                    "unit_type": "anonymous_id", "unit_id": request,
                }  # fmt: skip
                log.show(request, ["a", "b"], context=context, **more.get(arm, {}))
                if unit < clicks[arm]:
                    log.act(request, "a")
        experiment = {
            "experiment_id": "t", "control_variant": "plain", "primary_metrics": ["ctr"],
            "usual_effect": 9.0, "guardrails": list(guardrails),
        }  # fmt: skip
        return evaluate(dataset=log.dataset(), config={"mode": "experiment", "experiment": experiment})

    return judge


def test_a_small_arm_in_which_nothing_has_happened_yet_is_not_known_to_be_worse():
    control, candidate = share(36, 360), share(0, 40)
    seen = difference(control, candidate, alpha=0.05)
    plain = sequential.p_value(seen.absolute, control.variance + candidate.variance, 400, rho=sequential.tuned(0.05))
    assert plain < 0.001
    assert seen.p_sequential > 0.05
    assert seen.sequential.low < 0 < seen.sequential.high
    assert seen.p_fixed < 0.001  # at one planned look it is what Welch's test says


def test_arms_of_equal_spread_are_judged_as_by_their_own():
    arms = share(300, 1000), share(300, 1000)
    plain = sequential.half_width(sum(a.variance for a in arms), 2000, alpha=0.05, rho=sequential.tuned(0.05))
    seen = difference(*arms, alpha=0.05).sequential
    assert seen.high - seen.low == pytest.approx(2 * plain)


def test_a_handful_of_units_decides_nothing(judged):
    report = judged(units=10, clicks={"plain": 0, "taste": 10})
    (check,) = [check for check in report.integrity if check.name == "enough_units"]
    assert (check.state, check.value) == ("hold", 10)
    assert (report.decision.outcome, report.decision.rule) == ("hold", "integrity")


def test_with_enough_units_the_same_effect_decides(judged):
    assert judged(units=60, clicks={"plain": 0, "taste": 60}).decision.rule == "success"


def test_two_requests_that_failed_abort_nobody(judged):
    ceiling = [{"metric": "error_rate", "ceiling": 0.5}]
    report = judged(units=2, clicks={"plain": 1, "taste": 1}, guardrails=ceiling, taste={"error": "timeout"})
    assert report.experiment.ceilings == ()
    assert report.decision.outcome == "hold"


@pytest.mark.parametrize(("units", "state"), [(60, "unclear"), (200, "non_inferior")])
def test_no_error_yet_is_no_proof_that_there_are_none(judged, units, state):
    # In 60 units without an error, errors may be as many as one in 17: 1 − 0.025^(1/60).
    margin = [{"metric": "error_rate", "margin": 0.03}]
    (guard,) = judged(units=units, clicks={"plain": 6, "taste": 6}, guardrails=margin).experiment.guardrails
    assert guard.state == state
    assert guard.interval.high == pytest.approx(1 - 0.025 ** (1 / units))
