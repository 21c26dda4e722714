"""How much an experiment can see: what it needs, what it could have found, how long it still takes."""

import math

from recsys.evaluation.statistics import sequential
from recsys.evaluation.statistics.differences import Inference

__all__ = ["chance_within", "minimum_detectable", "units_for_shares", "units_needed"]

_MOST = 10**12


def _z(share: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(share))


def minimum_detectable(error: float, units: int, *, alpha: float, power: float, inference: Inference) -> float:
    """Return the effect that a two-sided test at ``alpha`` finds with this ``power``, given its standard error.

    Half of the interval that decides, and z(power) standard errors more: for ``fixed``, (z(1−α/2) + z(power))·error.
    """
    half = _z(1 - alpha / 2) * error
    if inference == "sequential":
        half = sequential.half_width(error**2, units, alpha=alpha, rho=sequential.tuned(alpha))
    return half + _z(power) * error


def units_needed(
    units: int, error: float, effect: float, *, alpha: float, power: float, inference: Inference
) -> int | None:
    """Return how many units the test needs for this effect, if ``units`` give this standard error; nothing when it is
    more than there are people.

    Errors shrink with the root of the units; shares of the arms stay as they are.
    """
    low, high = 1, _MOST

    def found_with(n: int) -> bool:
        then = error * math.sqrt(units / n)
        return minimum_detectable(then, n, alpha=alpha, power=power, inference=inference) <= effect

    if not found_with(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found_with(middle) else (middle + 1, high)
    return low


def chance_within(margin: float, error: float, units: int, *, alpha: float, inference: Inference) -> float:
    """Return the chance that the whole interval lies below ``margin`` when the true effect is 0."""
    from scipy.stats import norm

    if error == 0:
        return 1.0
    half = _z(1 - alpha / 2) * error
    if inference == "sequential":
        half = sequential.half_width(error**2, units, alpha=alpha, rho=sequential.tuned(alpha))
    return float(norm.cdf((margin - half) / error))


def units_for_shares(control: float, candidate: float, *, alpha: float, power: float) -> int:
    """Return the units that each of two equal arms needs to tell two shares apart (Fleiss 1981, without correction)."""
    mean = (control + candidate) / 2
    null = _z(1 - alpha / 2) * math.sqrt(2 * mean * (1 - mean))
    true = _z(power) * math.sqrt(control * (1 - control) + candidate * (1 - candidate))
    return math.ceil(((null + true) / (candidate - control)) ** 2)
