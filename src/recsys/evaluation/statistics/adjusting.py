"""CUPED: taking out of a metric what was known of its units before the experiment began."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys.evaluation.statistics.ratios import Ratio

__all__ = ["Adjusted", "adjust"]

Values = npt.NDArray[Any]


class Adjusted(NamedTuple):
    """The arms' ratios with what was known before taken out. ``removed``: the share of the variance that is gone."""

    control: Ratio
    candidate: Ratio
    removed: float


class _Arm(NamedTuple):
    value: float
    parts: Values
    """Of each unit: what it adds to the estimate beyond the value, (y − R·n) / mean n."""
    before: Values


def adjust(control: tuple[Values, Values, Values], candidate: tuple[Values, Values, Values]) -> Adjusted | None:
    """Adjust the ratios Σy/Σn of two arms for a covariate x that the experiment cannot have changed.

    R' = R − θ(x̄ − X̄), with X̄ over both arms and θ the slope of what units add to R over x, within arms. Nothing when x
    does not vary. Source: Deng, Xu, Kohavi, Walker, *Improving the Sensitivity of Online Controlled Experiments by
    Utilizing Pre-Experiment Data* (WSDM 2013), section 3.4 for ratios.

    Parameters
    ----------
    control, candidate
        Of each unit y, n and x; shape (units,) each.
    """
    arms = [_arm(*control), _arm(*candidate)]
    centred = [arm.before - arm.before.mean() for arm in arms]
    spread = sum(float((x**2).sum()) for x in centred)
    if spread == 0:
        return None
    slope = sum(float((x * arm.parts).sum()) for x, arm in zip(centred, arms, strict=True)) / spread
    mean = float(np.concatenate([arm.before for arm in arms]).mean())
    plain = sum(_variance(arm.parts) for arm in arms)
    found = [
        Ratio(arm.value - slope * (float(arm.before.mean()) - mean), _variance(arm.parts - slope * x), len(x))
        for x, arm in zip(centred, arms, strict=True)
    ]
    left = sum(ratio.variance for ratio in found)
    return Adjusted(found[0], found[1], 1 - left / plain if plain else 0.0)


def _arm(y: Values, n: Values, x: Values) -> _Arm:
    value = float(y.sum() / n.sum())
    return _Arm(value, (y - value * n) / n.mean(), x.astype(np.float64))


def _variance(parts: Values) -> float:
    return float(parts.var(ddof=1) / len(parts))
