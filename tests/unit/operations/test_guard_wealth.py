"""The bet on a candidate's harm: it cannot win by looking often, nor by what is allowed, and it does win on harm."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.operations.guard.tally import Seen, Tally
from recsys.operations.guard.wealth import TOLERATED, Fallen, log_wealth

SHARES = st.floats(0.001, 0.999)
MARGINS = st.floats(0.0001, 0.5)
BEGAN_S = 1_790_000_000.0


@given(SHARES, MARGINS, st.floats(0, 1), st.floats(0, 1))
def test_one_answer_brings_in_nothing_on_average_whatever_is_allowed(
    share: float, margin: float, base: float, used: float
) -> None:
    """An answer is bad for a base rate with tolerated odds, or for the extra rate that the candidate may add."""
    q = share * TOLERATED / (share * TOLERATED + 1 - share)
    extra = share * margin * used
    bad = min(base, 1 - extra)
    expected = (
        (bad * q + extra) * math.exp(log_wealth([Fallen(share, 1, 0, 1)], margin=margin))
        + bad * (1 - q) * math.exp(log_wealth([Fallen(share, 0, 1, 1)], margin=margin))
        + (1 - bad - extra) * math.exp(log_wealth([Fallen(share, 0, 0, 1)], margin=margin))
    )
    assert expected <= 1 + 1e-9


@given(st.lists(st.tuples(SHARES, st.integers(0, 50), st.integers(0, 50), st.integers(0, 500)), max_size=4))
def test_wealth_does_not_depend_on_the_order(rows: list[tuple[float, int, int, int]]) -> None:
    fallen = [Fallen(*row) for row in rows]
    assert log_wealth(fallen, margin=0.01) == pytest.approx(log_wealth(fallen[::-1], margin=0.01), abs=1e-6)
    assert log_wealth([], margin=0.01) == pytest.approx(0.0)


def test_looking_after_every_unit_is_fooled_no_oftener_than_allowed() -> None:
    """Without margin to speak of, and odds as they are tolerated: the worst that is no harm."""
    share, trials, units = 0.5, 300, 100
    q = share * TOLERATED / (share * TOLERATED + 1 - share)
    falls = np.random.default_rng(19).random((trials, units)) < q
    fooled = 0
    for each in falls:
        candidate = np.cumsum(each).tolist()
        most = max(log_wealth([Fallen(share, c, n - c, n)], margin=1e-9) for n, c in enumerate(candidate, start=1))
        fooled += most >= math.log(20)
    assert fooled / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


def _tally(times: int, *, first_s: float = 0.0) -> Tally:
    tally = Tally(began_s=BEGAN_S, margin=0.01)
    for number in range(times):
        at_s = BEGAN_S + first_s + number * 0.01
        tally.add(Seen(at_s, "candidate", number, 0.5, ("empty",)), now_s=at_s)
    return tally


def test_later_hours_must_be_surer_so_that_all_together_keep_to_the_error_allowed() -> None:
    first = _tally(100).standings(now_s=BEGAN_S + 1)[0]
    later = _tally(100, first_s=3600 * 100).standings(now_s=BEGAN_S + 3600 * 100 + 1)
    assert first.harmful
    assert max(one.needed for one in later) > first.needed + 1


def test_without_a_control_nothing_is_said() -> None:
    tally = Tally(began_s=BEGAN_S, margin=0.01)
    tally.add(Seen(BEGAN_S, "candidate", 1, 1.0, ("empty",)), now_s=BEGAN_S)
    assert tally.standings(now_s=BEGAN_S) == ()
    assert tally.last_s == {"candidate": BEGAN_S}


def test_what_is_held_does_not_grow_with_the_hours() -> None:
    tally = Tally(began_s=BEGAN_S, margin=0.01)
    for hour in range(200):
        now_s = BEGAN_S + 3600 * hour
        for unit in range(10):
            tally.add(Seen(now_s, "control", unit, 0.5, ("slow",)), now_s=now_s)
        tally.standings(now_s=now_s)
    assert len(tally._windows) <= 3
