"""Power, corrections, shares and votes: statsmodels and scipy."""

import functools
import math
from collections.abc import Sequence

import numpy as np

from recsys.evaluation.statistics.corrections import adjusted
from recsys.evaluation.statistics.power import minimum_detectable, units_for_shares, units_needed
from recsys.evaluation.statistics.preferences import preference, randomised
from recsys.evaluation.statistics.sample_ratio import sample_ratio
from recsys.evaluation.statistics.shares import share_interval

Figures = Sequence[float]


P_VALUES = (0.001, 0.2, 0.03, 0.031, 0.9, 0.012, 0.012, 0.6)
EFFECTS = ((0.1, 1000, 0.05, 0.8), (0.02, 40_000, 0.01, 0.9), (0.5, 60, 0.1, 0.7))


def ours_power() -> Figures:
    found = []
    for effect, units, alpha, power in EFFECTS:
        error = math.sqrt(4 / units)  # of the difference of two equal arms with a standard deviation of 1
        found.append(minimum_detectable(error, units, alpha=alpha, power=power, inference="fixed"))
        found.append(units_needed(units, error, effect, alpha=alpha, power=power, inference="fixed"))
    return found


def oracle_power() -> Figures:
    from statsmodels.stats.power import NormalIndPower

    found = []
    for effect, units, alpha, power in EFFECTS:
        solve = functools.partial(NormalIndPower().solve_power, alpha=alpha, power=power, ratio=1)
        found.append(solve(effect_size=None, nobs1=units / 2))
        found.append(math.ceil(2 * solve(effect_size=effect)))
    return found


SHARES = ((0.10, 0.11), (0.02, 0.025), (0.5, 0.4))


def ours_units() -> Figures:
    return [units_for_shares(*pair, alpha=0.05, power=0.8) for pair in SHARES]


def oracle_units() -> Figures:
    from statsmodels.stats.proportion import power_proportions_2indep

    def least(control: float, candidate: float) -> int:
        low, high = 2, 10**7
        while low < high:
            middle = (low + high) // 2
            enough = power_proportions_2indep(candidate - control, control, middle, alpha=0.05).power >= 0.8
            low, high = (low, middle) if enough else (middle + 1, high)
        return low

    return [least(*pair) for pair in SHARES]


def ours_corrections() -> Figures:
    return [*adjusted(P_VALUES, by="holm"), *adjusted(P_VALUES, by="benjamini_hochberg")]


def oracle_corrections() -> Figures:
    from statsmodels.stats.multitest import multipletests

    return [p for method in ("holm", "fdr_bh") for p in multipletests(P_VALUES, method=method)[1]]


COUNTS = ((0, 12), (3, 40), (60, 100), (5200, 10_000))


def ours_intervals() -> Figures:
    found = [share_interval(part, whole) for part, whole in COUNTS]
    return [end for interval in found for end in (interval.low, interval.high)]


def oracle_intervals() -> Figures:
    from statsmodels.stats.proportion import proportion_confint

    return [end for part, whole in COUNTS for end in proportion_confint(part, whole, method="beta")]


ARMS = (((5200, 4800), (1, 1)), ((300, 280, 310), (1, 1, 1)), ((9100, 820), (0.9, 0.1)))
FEW = ((1, 8), (3, 4), (0, 6))


def ours_arms() -> Figures:
    names = "abc"
    asked = (*ARMS, *((counts, (1, 1)) for counts in FEW))
    return [sample_ratio(dict(zip(names, seen)), dict(zip(names, shares))).p for seen, shares in asked]  # noqa: B905


def oracle_arms() -> Figures:
    from scipy.stats import binomtest
    from statsmodels.stats.gof import chisquare

    large = [chisquare(np.array(seen), np.array(shares) / sum(shares) * sum(seen))[1] for seen, shares in ARMS]
    return [float(p) for p in large] + [float(binomtest(one, one + other, 0.5).pvalue) for one, other in FEW]


VOTES = ((1, 1, 1, -1, 2, 0, 3, -2), (1,) * 14 + (-1,) * 4 + (0,) * 3)


def ours_votes() -> Figures:
    few = np.array(VOTES[0])
    return [*(preference(np.array(votes), alpha=0.05).p_fixed for votes in VOTES), randomised(few, seed=1)]


def oracle_votes() -> Figures:
    from scipy.stats import permutation_test
    from statsmodels.stats.descriptivestats import sign_test

    few = np.array([vote for vote in VOTES[0] if vote])
    found = permutation_test((few,), np.sum, permutation_type="samples", n_resamples=np.inf)
    return [*(sign_test(np.array(votes))[1] for votes in VOTES), found.pvalue]
