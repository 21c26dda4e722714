"""How many units an experiment needs."""

import math

import pytest

from recsys.errors import UsageError
from recsys.evaluation.planning import plan
from recsys.evaluation.statistics import sequential
from recsys.evaluation.statistics.power import minimum_detectable


def test_the_example_that_is_written_down():
    assert plan(0.10, 0.1).fixed == 14_751


def test_a_sequential_plan_sees_just_the_change_it_is_for():
    found = plan(0.10, 0.1)
    error = lambda each: math.sqrt((0.1 * 0.9 + 0.11 * 0.89) / each)  # noqa: E731
    seen = [
        minimum_detectable(error(each), 2 * each, alpha=0.05, power=0.8, inference="sequential")
        for each in (found.sequential - 1, found.sequential)
    ]
    assert seen[0] > 0.01 >= seen[1]
    half = sequential.half_width(
        error(found.sequential) ** 2, 2 * found.sequential, alpha=0.05, rho=sequential.tuned(0.05)
    )
    assert half < 0.01


def test_days_are_of_both_arms_together():
    found = plan(0.10, 0.1, units_per_day=2 * 14_751)
    assert found.days_fixed == 1
    assert found.days_sequential == pytest.approx(found.sequential / 14_751)


def test_less_is_needed_for_more():
    assert plan(0.10, 0.2).fixed < plan(0.10, 0.1).fixed
    assert plan(0.10, -0.1).fixed == pytest.approx(plan(0.10, 0.1).fixed, rel=0.1)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((0, 0.1), "a rate of 0"),
        ((0.6, 1.0), "rate with the change of 1.2"),
        ((0.1, 0.0), "endless"),
        ((float("nan"), 0.1), "nan"),
    ],
)
def test_what_makes_no_sense_is_refused(given: tuple[float, float], says: str):
    with pytest.raises(UsageError, match=says):
        plan(*given)
