import numpy as np
import pytest
from scipy import stats

from recsys.evaluation.statistics.ratios import Moments, ratio, ratio_interval


def moments(y, n, scale=1000):
    y, n = np.asarray(y), np.asarray(n)
    return Moments(
        units=int((n > 0).sum()),
        n=int(n.sum()),
        nn=int((n * n).sum()),
        y=int(y.sum()),
        yy=int((y * y).sum()),
        yn=int((y * n).sum()),
        scale=scale,
    )


def test_one_request_a_unit_gives_students_interval_of_a_mean():
    values = np.array([0, 250, 1000, 500, 125])
    interval, _ = ratio_interval(moments(values, np.ones(5, dtype=int)), confidence=0.95)
    low, high = stats.t.interval(0.95, 4, loc=values.mean() / 1000, scale=stats.sem(values) / 1000)
    assert interval.low == pytest.approx(low)
    assert interval.high == pytest.approx(high)


def test_a_unit_repeated_tells_nothing_new():
    values = np.array([0, 1000, 1000, 0, 500])
    once, _ = ratio_interval(moments(values, np.ones(5, dtype=int)), confidence=0.9)
    thrice, _ = ratio_interval(moments(3 * values, np.full(5, 3)), confidence=0.9)
    assert thrice.low == pytest.approx(once.low)
    assert thrice.high == pytest.approx(once.high)


def test_units_without_a_request_change_nothing():
    with_them = moments([0, 500, 1000, 0, 0], [1, 2, 3, 0, 0])
    without = moments([0, 500, 1000], [1, 2, 3])
    assert ratio_interval(with_them, confidence=0.95) == ratio_interval(without, confidence=0.95)


def test_one_unit_has_a_value_and_no_interval():
    one = moments([500], [1])
    assert ratio(one) == 0.5
    assert ratio_interval(one, confidence=0.95) == (None, "an interval needs at least two units")


def test_nothing_has_no_value():
    assert ratio(moments([], [])) is None
