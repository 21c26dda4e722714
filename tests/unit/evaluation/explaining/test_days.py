"""Since when: which days in a row are the bad ones."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.evaluation.explaining.days import worst_stretch


@pytest.mark.parametrize(
    ("bad", "total", "stretch"),
    [
        ([0, 0, 50, 0, 0], [100] * 5, (2, 2)),  # one day
        ([2, 1, 30, 35, 28], [100] * 5, (2, 4)),  # from a day on
        ([20, 25, 22, 19, 24], [100] * 5, (0, 4)),  # all of them
        ([40, 38, 1, 0, 2], [100] * 5, (0, 1)),  # mended since
        ([1, 0, 90, 0, 0], [2, 100, 100, 100, 100], (2, 2)),  # one odd row of two on a quiet day begins nothing
    ],
)
def test_the_days_that_differ_are_found(bad, total, stretch):
    found = worst_stretch(bad, total, usual=0.05)
    assert (found.first, found.last) == stretch
    assert found.sure


@pytest.mark.parametrize(("bad", "total"), [([], []), ([0, 0], [10, 0]), ([5, 4], [100, 100])])
def test_days_that_are_as_they_should_be_are_none(bad, total):
    assert worst_stretch(bad, total, usual=0.05) is None


def test_chance_is_seldom_sure():
    dice = random.Random(7)
    sure = 0
    for _ in range(120):
        bad = [sum(dice.random() < 0.1 for _ in range(60)) for _ in range(7)]
        found = worst_stretch(bad, [60] * 7, usual=0.1)
        sure += found is not None and found.sure
    assert sure <= 2  # 0.1 are awaited; more than 2 come once in five thousand times


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8))
def test_no_other_stretch_is_farther_off_with_as_many_rows(days):
    bad = [min(a, b) for a, b in days]
    total = [max(a, b) for a, b in days]
    found = worst_stretch(bad, total, usual=0.2)
    if found is None:
        assert all(b <= 0.2 * t for b, t in zip(bad, total, strict=True))
        return
    assert found.bad / found.total > 0.2
    assert (found.bad, found.total) == (
        sum(bad[found.first : found.last + 1]),
        sum(total[found.first : found.last + 1]),
    )
