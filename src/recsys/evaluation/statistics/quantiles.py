"""Quantiles of requests, such as p99 of latency, with units as clusters."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Quantile", "quantile"]


class Quantile(NamedTuple):
    """``low`` and ``high`` bound it with the confidence asked for; ``variance`` is what such an interval is of when it
    is read as a normal one.
    """

    value: float
    low: float
    high: float
    variance: float
    units: int


def quantile(values: npt.NDArray[Any], units: npt.NDArray[Any], share: float, *, confidence: float) -> Quantile | None:
    """Return the quantile of values, interpolated linearly, or nothing with fewer than two units.

    The share of values below it is a ratio of sums over units, whose cluster-robust variance gives an interval in
    shares; its ends, read as quantiles again, are the interval (Woodruff 1952). Values of one unit may depend on each
    other in any way (Deng, Knoblich, Lu, KDD 2018, section 4).

    Parameters
    ----------
    values
        Of requests, shape (n,); none of them missing.
    units
        Whose request it is: whole numbers from 0, shape (n,).
    """
    from scipy.stats import norm

    of_unit = np.bincount(units)
    clusters = int((of_unit > 0).sum())
    if clusters < 2:
        return None
    value = float(np.quantile(values, share))
    below = np.bincount(units, weights=values <= value)
    n = len(values)
    ratio = below.sum() / n
    squares = float(((below - ratio * of_unit) ** 2).sum())
    error = math.sqrt(clusters / (clusters - 1) * squares) / n
    z = float(norm.ppf((1 + confidence) / 2))
    ends = np.quantile(values, [max(0.0, share - z * error), min(1.0, share + z * error)])
    low, high = float(ends[0]), float(ends[1])
    return Quantile(value, low, high, ((high - low) / (2 * z)) ** 2, clusters)
