"""Differences between arms, on the sums of units: statsmodels and tea-tasting."""

import functools
import math
from collections.abc import Sequence

import numpy as np

from recsys.evaluation.statistics.adjusting import adjust
from recsys.evaluation.statistics.differences import difference
from recsys.evaluation.statistics.quantiles import quantile
from recsys.evaluation.statistics.ratios import Ratio, ratio_of_sums, student

Figures = Sequence[float]


@functools.cache
def units() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Two arms of unequal size: of each unit y, n and x before; x is spread alike in both, ``shifted`` is not."""
    dice = np.random.default_rng(43)
    arms = []
    for size, lift in ((400, 1.0), (250, 1.2)):
        x = np.resize(np.arange(10.0), size)
        n = 1 + dice.poisson(2 + x / 4)
        y = lift * dice.poisson(n * (0.3 + x / 10)) * dice.lognormal(0, 0.5, size)
        shifted = x + (lift > 1) * 0.5 + dice.normal(0, 1, size)
        arms.append({"y": y, "n": n.astype(float), "one": np.ones(size), "x": x, "shifted": shifted})
    return arms[0], arms[1]


def mean(values: np.ndarray) -> Ratio:
    return ratio_of_sums(values, np.ones(len(values)))


def compared(control: Ratio, candidate: Ratio) -> Figures:
    seen = difference(control, candidate, alpha=0.05)
    ends = (seen.fixed.low, seen.fixed.high, seen.relative_fixed.low, seen.relative_fixed.high)
    return [control.value, candidate.value, seen.absolute, seen.relative, *ends, seen.p_fixed]


def _frame():
    import pandas as pd

    parts = [pd.DataFrame(arm).assign(variant=number) for number, arm in enumerate(units())]
    return pd.concat(parts, ignore_index=True)


def _tea(metric) -> Figures:
    found = metric.analyze(_frame(), 0, 1, "variant")
    return [
        found.control, found.treatment, found.effect_size, found.rel_effect_size,
        found.effect_size_ci_lower, found.effect_size_ci_upper,
        found.rel_effect_size_ci_lower, found.rel_effect_size_ci_upper, found.pvalue,
    ]  # fmt: skip


def ours_mean() -> Figures:
    return compared(*(mean(arm["y"]) for arm in units()))


def tea_mean() -> Figures:
    import tea_tasting as tt

    return _tea(tt.Mean("y", equal_var=False))


def ours_ratios() -> Figures:
    return compared(*(ratio_of_sums(arm["y"], arm["n"]) for arm in units()))


def tea_ratio() -> Figures:
    import tea_tasting as tt

    return _tea(tt.RatioOfMeans("y", "n", equal_var=False))


def tea_cuped_mean() -> Figures:
    import tea_tasting as tt

    return _tea(tt.Mean("y", "x", equal_var=False))


def tea_cuped_ratio() -> Figures:
    import tea_tasting as tt

    return _tea(tt.RatioOfMeans("y", "n", "shifted", "one", equal_var=False))


def cuped(y: str, n: str, x: str) -> Figures:
    seen = adjust(*((arm[y], arm[n], arm[x]) for arm in units()))
    return compared(seen.control, seen.candidate)


def oracle_means() -> Figures:
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    control, candidate = (arm["y"] for arm in units())
    found = CompareMeans(DescrStatsW(candidate), DescrStatsW(control))
    return [*found.tconfint_diff(usevar="unequal"), found.ttest_ind(usevar="unequal")[1]]


def ours_means() -> Figures:
    seen = difference(*(mean(arm["y"]) for arm in units()), alpha=0.05)
    return [seen.fixed.low, seen.fixed.high, seen.p_fixed]


def _requests() -> tuple[np.ndarray, np.ndarray]:
    """Values of single requests and their units, so that sums of units are those of the first arm."""
    arm = units()[0]
    owner = np.repeat(np.arange(len(arm["n"])), arm["n"].astype(int))
    dice = np.random.default_rng(47)
    parts = dice.exponential(1.0, len(owner))
    return parts / np.bincount(owner, weights=parts)[owner] * arm["y"][owner], owner


def oracle_ratio() -> Figures:
    from statsmodels.api import OLS

    values, owner = _requests()
    found = OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": owner}, use_t=True)
    return [found.params[0], found.bse[0], *found.conf_int()[0]]


def ours_ratio() -> Figures:
    arm = units()[0]
    seen = ratio_of_sums(arm["y"], arm["n"])
    error = math.sqrt(seen.variance)
    half = student(0.975, seen.units - 1) * error
    return [seen.value, error, seen.value - half, seen.value + half]


def _latencies() -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(53)
    return dice.lognormal(3, 0.4, 4000), dice.lognormal(3.1, 0.4, 4000)


def ours_quantiles() -> Figures:
    found = []
    for share in (0.5, 0.95):
        arms = [quantile(values, np.arange(len(values)), share, confidence=0.95) for values in _latencies()]
        seen = difference(*(Ratio(one.value, one.variance, one.units) for one in arms), alpha=0.05)
        found += [arms[0].value, arms[1].value, seen.absolute, seen.fixed.high - seen.fixed.low]
    return found


def oracle_quantiles() -> Figures:
    import pandas as pd
    import tea_tasting as tt

    parts = [pd.DataFrame({"ms": values, "variant": number}) for number, values in enumerate(_latencies())]
    found = []
    for share in (0.5, 0.95):
        one = tt.Quantile("ms", share, n_resamples=2000, rng=1).analyze(pd.concat(parts), 0, 1, "variant")
        width = one.effect_size_ci_upper - one.effect_size_ci_lower
        found += [one.control, one.treatment, one.effect_size, width]
    return found
