"""Intervals and tests of experiments and offline runs, where the true values are known."""

import math
from collections.abc import Callable

import numpy as np

from recsys.evaluation.statistics.adjusting import adjust
from recsys.evaluation.statistics.differences import difference
from recsys.evaluation.statistics.power import chance_within, minimum_detectable, units_for_shares
from recsys.evaluation.statistics.quantiles import quantile
from recsys.evaluation.statistics.ratios import Moments, Ratio, estimate, ratio_interval, ratio_of_sums
from recsys.evaluation.statistics.shares import share_interval

Dice = np.random.Generator
Hits = Callable[[Dice, int], float]


def moments(y, n, scale=1) -> Moments:
    """The whole-number moments of units' sums, as an evaluation reads them from its engine."""
    y, n = np.asarray(y, dtype=np.int64), np.asarray(n, dtype=np.int64)
    return Moments(
        units=int((n > 0).sum()),
        n=int(n.sum()),
        nn=int((n * n).sum()),
        y=int(y.sum()),
        yy=int((y * y).sum()),
        yn=int((y * n).sum()),
        scale=scale,
    )


def visits(dice: Dice, units: int, lift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Clicks and requests of units that differ in taste and in how often they come; the true rate is 0.25 + lift."""
    n = dice.geometric(0.3, units)
    return dice.binomial(n, np.minimum(dice.beta(2, 6, units) + lift, 1.0)), n


def spent(dice: Dice, units: int) -> np.ndarray:
    """Money of units, in cents: a tenth buys, and a few of them very much."""
    return np.where(dice.random(units) < 0.1, np.rint(dice.lognormal(3, 1, units) * 100), 0).astype(np.int64)


SPENT = 0.1 * math.exp(3.5)


def rate(dice: Dice, trials: int) -> float:
    found = 0
    for _ in range(trials):
        interval, _ = ratio_interval(moments(*visits(dice, 800)), confidence=0.95)
        found += interval.low <= 0.25 <= interval.high
    return found


def rate_of_requests(dice: Dice, trials: int) -> float:
    found = 0
    for _ in range(trials):
        n = dice.geometric(0.05, 800)
        clicks = dice.binomial(n, dice.beta(2, 6, 800))
        one = np.repeat([1, 0], [clicks.sum(), (n - clicks).sum()])
        interval, _ = ratio_interval(moments(one, np.ones(len(one))), confidence=0.95)
        found += interval.low <= 0.25 <= interval.high
    return found


def paired(dice: Dice, trials: int) -> float:
    """A re-ranking that moves the one relevant item up a place for some requests and down for others: its mrr."""
    found, scale = 0, 10**10
    for _ in range(trials):
        n = dice.geometric(0.4, 500)
        owner = np.repeat(np.arange(500), n)
        keen = dice.beta(2, 2, 500)[owner]
        rank = 1 + dice.integers(1, 4, len(owner))
        moved = np.where(dice.random(len(owner)) < keen, -1, 1)
        changes = np.rint((1 / rank - 1 / (rank + moved)) * scale)
        interval, _ = ratio_interval(_exact(np.bincount(owner, weights=changes), n, scale), confidence=0.95)
        found += interval.low <= _PAIRED <= interval.high
    return found


_PAIRED = sum(0.5 * (1 / rank - 1 / (rank + moved)) for rank in (2, 3, 4) for moved in (-1, 1)) / 3


def _exact(y: np.ndarray, n: np.ndarray, scale: int) -> Moments:
    """As ``moments``, of sums whose squares are too large for 64 bits."""
    ys, ns = [int(one) for one in y], [int(one) for one in n]
    return Moments(
        units=len(ns),
        n=sum(ns),
        nn=sum(b * b for b in ns),
        y=sum(ys),
        yy=sum(a * a for a in ys),
        yn=sum(a * b for a, b in zip(ys, ns, strict=True)),
        scale=scale,
    )


def rates(*, relative: bool = False) -> Hits:
    def hits(dice: Dice, trials: int) -> float:
        found = 0
        for _ in range(trials):
            arms = [estimate(moments(*visits(dice, 600, lift))) for lift in (0.0, 0.03)]
            seen = difference(*arms, alpha=0.05)
            interval, true = (seen.relative_fixed, _RATIO) if relative else (seen.fixed, _LIFTED - 0.25)
            found += interval.low <= true <= interval.high
        return found

    return hits


def _lifted() -> float:
    """The mean of a taste of Beta(2, 6) that is 0.03 more and at most 1."""
    grid = (np.arange(200_000) + 0.5) / 200_000
    from scipy.stats import beta

    return float(np.minimum(beta(2, 6).ppf(grid) + 0.03, 1.0).mean())


_LIFTED = _lifted()
_RATIO = _LIFTED / 0.25 - 1


def money() -> Hits:
    def hits(dice: Dice, trials: int) -> float:
        found = 0
        for _ in range(trials):
            arms = [estimate(moments(spent(dice, 3000), np.ones(3000), 100)) for _arm in range(2)]
            interval = difference(*arms, alpha=0.05).fixed
            found += interval.low <= 0 <= interval.high
        return found

    return hits


def cuped(dice: Dice, trials: int) -> float:
    found = 0
    for _ in range(trials):
        arms = []
        for lift in (0.0, 0.05):
            taste = dice.beta(2, 6, 600)
            n = 1 + dice.poisson(3, 600)
            before = dice.binomial(10, taste)
            arms.append((dice.binomial(n, np.minimum(taste + lift, 1.0)).astype(float), n, before))
        seen = adjust(*arms)
        interval = difference(seen.control, seen.candidate, alpha=0.05).fixed
        found += interval.low <= 0.05 <= interval.high
    return found


def _slow(dice: Dice, units: int) -> tuple[np.ndarray, np.ndarray]:
    """Latencies of units that are alike in themselves: normal, with a variance of 2, a half of it the unit's own."""
    owner = np.repeat(np.arange(units), 4)
    return dice.normal(0, 1, units)[owner] + dice.normal(0, 1, 4 * units), owner


def quantiles(share: float) -> Hits:
    from scipy.stats import norm

    true = float(norm.ppf(share)) * math.sqrt(2)

    def hits(dice: Dice, trials: int) -> float:
        found = 0
        for _ in range(trials):
            seen = quantile(*_slow(dice, 800), share, confidence=0.95)
            found += seen.low <= true <= seen.high
        return found

    return hits


def quantile_difference(share: float) -> Hits:
    def hits(dice: Dice, trials: int) -> float:
        found = 0
        for _ in range(trials):
            arms = [quantile(*_slow(dice, 800), share, confidence=0.95) for _arm in range(2)]
            interval = difference(*(Ratio(a.value, a.variance, a.units) for a in arms), alpha=0.05).fixed
            found += interval.low <= 0 <= interval.high
        return found

    return hits


def exact_share(dice: Dice, trials: int) -> float:
    parts, counts = np.unique(dice.binomial(60, 0.1, trials), return_counts=True)
    intervals = [share_interval(int(part), 60) for part in parts]
    return sum(int(n) for i, n in zip(intervals, counts, strict=True) if i.low <= 0.1 <= i.high)


def _normal(dice: Dice, mean: float, units: int) -> Ratio:
    return ratio_of_sums(dice.normal(mean, 1, units), np.ones(units))


def detectable(dice: Dice, trials: int) -> float:
    effect = minimum_detectable(math.sqrt(2 / 500), 1000, alpha=0.05, power=0.8, inference="fixed")
    arms = ((_normal(dice, 0, 500), _normal(dice, effect, 500)) for _ in range(trials))
    return sum(difference(*pair, alpha=0.05).p_fixed <= 0.05 for pair in arms)


def shares_power(dice: Dice, trials: int) -> float:
    units = units_for_shares(0.10, 0.11, alpha=0.05, power=0.8)

    def one(share: float) -> Ratio:
        clicks = int(dice.binomial(units, share))
        return estimate(Moments(units=units, n=units, nn=units, y=clicks, yy=clicks, yn=clicks, scale=1))

    return sum(difference(one(0.10), one(0.11), alpha=0.05).p_fixed <= 0.05 for _ in range(trials))


def at_margin(dice: Dice, trials: int) -> float:
    """Harm of just the margin, 0.1: the whole interval lies below it by chance alone."""
    arms = ((_normal(dice, 0, 300), _normal(dice, 0.1, 300)) for _ in range(trials))
    return sum(difference(*pair, alpha=0.05).fixed.high < 0.1 for pair in arms)


def within_margin(dice: Dice, trials: int) -> float:
    """No harm, and the margin that has a chance of 80% to be kept to."""
    error = math.sqrt(2 / 500)
    margin = 2.8015852 * error
    assert abs(chance_within(margin, error, 1000, alpha=0.05, inference="fixed") - 0.8) < 1e-6
    arms = ((_normal(dice, 0, 500), _normal(dice, 0, 500)) for _ in range(trials))
    return sum(difference(*pair, alpha=0.05).fixed.high < margin for pair in arms)
