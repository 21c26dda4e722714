"""Which of two is preferred, by units of which each has a say."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys.evaluation.statistics import sequential
from recsys.evaluation.statistics.ratios import Interval
from recsys.evaluation.statistics.shares import share_interval

__all__ = ["Preference", "preference", "randomised"]

_TUNED_AT = 500
"""Units at which the sequential test is sharpest: an interleaving needs a tenth of an experiment's."""
_TRIED_ALL = 14
"""Units of which every way to swap the two is tried: 16,384 ways."""
_DRAWN = 20_000
_AT_ONCE = 250


class Preference(NamedTuple):
    """Units that prefer the candidate, the control, or neither.

    ``share``: of those that prefer one, how many prefer the candidate, with its exact interval. ``p_fixed`` is that of
    the exact sign test, ``p_sequential`` holds at any look.
    """

    wins: int
    losses: int
    ties: int
    share: float | None
    interval: Interval | None
    p_fixed: float
    p_sequential: float


def preference(votes: npt.NDArray[Any], *, alpha: float) -> Preference:
    """Count units by the sign of their votes: candidate's minus control's, shape (units,).

    A unit has one say however often it came (Chapelle, Joachims, Radlinski, Yue, *Large-scale validation and analysis
    of interleaved search evaluation*, TOIS 2012, section 3). Units without a preference say nothing of which is better.
    """
    from scipy.stats import binomtest

    signs = np.sign(votes)
    wins, losses = int((signs > 0).sum()), int((signs < 0).sum())
    ties = len(signs) - wins - losses
    decided = wins + losses
    if decided == 0:
        return Preference(0, 0, ties, None, None, 1.0, 1.0)
    p_fixed = float(binomtest(wins, decided, 0.5).pvalue)
    mean = (wins - losses) / decided
    # Under the null a unit that decides is a fair coin, so the variance is known: that of one is 1.
    p_sequential = sequential.p_value(mean, 1 / decided, decided, rho=sequential.tuned(alpha, at=_TUNED_AT))
    interval = share_interval(wins, decided, confidence=1 - alpha)
    return Preference(wins, losses, ties, wins / decided, interval, p_fixed, p_sequential)


def randomised(votes: npt.NDArray[Any], *, seed: int) -> float:
    """Return the p-value of the sum of votes when each unit's two sides are swapped by chance (Fisher 1935).

    Every way is tried for few units; of more, ways are drawn, and the one that was seen counts as drawn.
    """
    votes = votes[votes != 0].astype(np.float64)
    seen = abs(float(votes.sum())) * (1 - 1e-12)
    if len(votes) == 0:
        return 1.0
    if len(votes) <= _TRIED_ALL:
        ways = (abs(float(np.dot(signs, votes))) for signs in product((1.0, -1.0), repeat=len(votes)))
        return float(sum(way >= seen for way in ways)) / 2.0 ** len(votes)
    dice = np.random.default_rng(seed)
    farther = 0
    for _ in range(_DRAWN // _AT_ONCE):
        bits = np.frombuffer(dice.bytes(_AT_ONCE * (-(-len(votes) // 8))), dtype=np.uint8).reshape(_AT_ONCE, -1)
        signs = np.unpackbits(bits, axis=1, count=len(votes)).astype(np.float64) * 2 - 1
        farther += int((np.abs(signs @ votes) >= seen).sum())
    return (farther + 1) / (_DRAWN + 1)
