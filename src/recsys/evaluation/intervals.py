"""The interval of a ratio of sums over independent units, exactly from whole-number moments."""

import math
from fractions import Fraction

import msgspec

from recsys.evaluation.results import Interval

__all__ = ["Moments", "ratio", "ratio_interval"]


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over units of a numerator y (in units of 1/scale) and a denominator n (requests); ``units`` have n
    > 0.
    """

    units: int
    n: int
    nn: int
    y: int
    yy: int
    yn: int
    scale: int


def ratio(moments: Moments) -> float | None:
    """Return Σy / Σn, or nothing when there is no request."""
    return moments.y / (moments.n * moments.scale) if moments.n else None


def ratio_interval(moments: Moments, *, confidence: float) -> tuple[Interval | None, str]:
    """Return the two-sided interval of Σy/Σn with units as clusters, or the reason there is none.

    Linearised (delta method): Var = G/(G−1) · Σ(y − R·n)² / N², with Student's t on G−1 degrees of freedom.
    Requests of one unit may depend on each other in any way. Source: Deng, Knoblich, Lu, *Applying the Delta
    Method in Metric Analytics* (KDD 2018); the G/(G−1) is that of cluster-robust CR1.
    """
    if moments.units < 2:
        return None, "an interval needs at least two units"
    from scipy.stats import t

    r = Fraction(moments.y, moments.n)
    squares = moments.yy - 2 * r * moments.yn + r * r * moments.nn
    variance = Fraction(moments.units, moments.units - 1) * squares / (Fraction(moments.n) * moments.scale) ** 2
    half = float(t.ppf((1 + confidence) / 2, moments.units - 1)) * math.sqrt(variance)
    centre = float(r / moments.scale)
    return Interval(low=centre - half, high=centre + half), ""
