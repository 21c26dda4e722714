"""Units dealt to arms: A/A, sample ratios, and several tests at once."""

import functools
from collections.abc import Callable

import numpy as np
from scipy.special import gammaln
from tests.statistics.worlds.comparing import spent, visits

from recsys.evaluation.experiment.balance import HOLDS_BELOW, LEAST_DEVIATION
from recsys.evaluation.statistics.corrections import Correction, adjusted
from recsys.evaluation.statistics.differences import difference
from recsys.evaluation.statistics.ratios import Moments, estimate
from recsys.evaluation.statistics.sample_ratio import sample_ratio
from recsys.evaluation.statistics.splitting import Resplits, resplit

Dice = np.random.Generator
Hits = Callable[[Dice, int], float]


@functools.cache
def _resplit(splits: int) -> dict[str, Resplits]:
    dice = np.random.default_rng(61)
    metrics = {"clicks": visits(dice, 3000), "money": (spent(dice, 3000), np.ones(3000))}
    return resplit(metrics, splits=splits, alpha=0.05, seed=67)


def resplits(metric: str) -> Hits:
    return lambda _dice, splits: _resplit(splits)[metric].false_positives


def uniform(metric: str) -> Hits:
    def found(_dice: Dice, splits: int) -> float:
        p = _resplit(splits)[metric].uniform
        assert p is not None, "the p-values take too few values to be tested"
        return p

    return found


def requests_as_units(dice: Dice, trials: int) -> float:
    """One population, split again and again by units, and tested as if requests did not depend on each other."""
    n = 1 + np.rint(dice.lognormal(1.5, 1.2, 3000)).astype(np.int64)
    clicks = dice.binomial(n, dice.beta(0.5, 2, 3000))
    found = 0
    for _ in range(trials):
        half = dice.random(3000) < 0.5
        found += difference(*(_of_requests(clicks[mine], n[mine]) for mine in (half, ~half)), alpha=0.05).p_fixed < 0.05
    return found


def _of_requests(clicks: np.ndarray, n: np.ndarray):
    total, clicked = int(n.sum()), int(clicks.sum())
    return estimate(Moments(units=total, n=total, nn=total, y=clicked, yy=clicked, yn=clicked, scale=1))


def corrected(by: Correction) -> Hits:
    """Five metrics that move together and not at all for ``holm``; for the other eight of ten, independent."""
    from scipy.stats import norm

    def hits(dice: Dice, trials: int) -> float:
        if by == "holm":
            z = np.sqrt(0.7) * dice.normal(0, 1, (trials, 5)) + np.sqrt(0.3) * dice.normal(0, 1, (trials, 1))
            return sum(min(adjusted(p, by=by)) <= 0.05 for p in (2 * norm.sf(np.abs(z))).tolist())
        z = dice.normal(0, 1, (trials, 10)) + np.array([3.0, 3.0] + [0.0] * 8)
        found = 0.0
        for p in (2 * norm.sf(np.abs(z))).tolist():
            rejected = [number for number, one in enumerate(adjusted(p, by=by)) if one <= 0.05]
            found += sum(number >= 2 for number in rejected) / max(len(rejected), 1)
        return found

    return hits


def _counted(dice: Dice, shares: tuple[float, ...], units: int, trials: int) -> list[tuple[dict[str, int], int]]:
    """Counts by arm that came up, and how often each."""
    ways, times = np.unique(dice.multinomial(units, shares, trials), axis=0, return_counts=True)
    return [(dict(zip("abc", way, strict=False)), n) for way, n in zip(ways.tolist(), times.tolist(), strict=True)]


def mismatch(shares: tuple[float, ...], units: int, *, alpha: float = 0.01) -> Hits:
    meant = dict(zip("abc", shares, strict=False))

    def hits(dice: Dice, trials: int) -> float:
        return sum(n for way, n in _counted(dice, shares, units, trials) if sample_ratio(way, meant).p <= alpha)

    return hits


def rule(dice: Dice, trials: int) -> float:
    found = [(sample_ratio(way, {"a": 1, "b": 1}), n) for way, n in _counted(dice, (0.5, 0.5), 5000, trials)]
    return sum(n for seen, n in found if seen.p < HOLDS_BELOW and seen.deviation >= LEAST_DEVIATION)


def _first_arm(dice: Dice) -> tuple[np.ndarray, np.ndarray]:
    """Units of the first of two equal arms after every one of 40,000."""
    return np.cumsum(dice.random(40_000) < 0.5), np.arange(1, 40_001)


def every_unit(dice: Dice, trials: int) -> float:
    found = 0
    for _ in range(trials):
        one, total = _first_arm(dice)
        # The Bayes factor of the mixture, but for what is the same at every look.
        factor = gammaln(5000 + one) + gammaln(5000 + total - one) - gammaln(10_000 + total) + total * np.log(2)
        look = int(factor.argmax())
        seen = {"a": int(one[look]), "b": int(total[look] - one[look])}
        found += sample_ratio(seen, {"a": 1, "b": 1}).p_sequential < 0.01
    return found


def every_unit_chi_square(dice: Dice, trials: int) -> float:
    found = 0
    for _ in range(trials):
        one, total = _first_arm(dice)
        look = int(np.where(total >= 100, (2 * one - total) ** 2 / total, 0.0).argmax())
        found += sample_ratio({"a": int(one[look]), "b": int(total[look] - one[look])}, {"a": 1, "b": 1}).p < 0.01
    return found
