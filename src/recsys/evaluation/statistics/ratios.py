"""A ratio of sums over independent units, exactly from whole-number moments: its value, variance and interval."""

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Interval", "Moments", "Ratio", "estimate", "ratio", "ratio_interval", "ratio_of_sums", "student"]


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    low: float
    high: float

    @classmethod
    def around(cls, centre: float, half: float) -> "Interval":
        """Return the interval of this half width."""
        return cls(low=centre - half, high=centre + half)


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


class Ratio(NamedTuple):
    """R = Σy / Σn, and the variance of that estimate; ``units`` are what it varies over."""

    value: float
    variance: float
    units: int


def ratio(moments: Moments) -> float | None:
    """Return Σy / Σn, or nothing when there is no request."""
    return moments.y / (moments.n * moments.scale) if moments.n else None


def estimate(moments: Moments) -> Ratio | None:
    """Return R = Σy/Σn with units as clusters, or nothing when there are fewer than two units.

    Linearised (delta method): Var = G/(G−1) · Σ(y − R·n)² / N². Requests of one unit may depend on each other in any
    way. Source: Deng, Knoblich, Lu, *Applying the Delta Method in Metric Analytics* (KDD 2018); the G/(G−1) is that of
    cluster-robust CR1. With n = 1 for every unit it is the variance of a mean.
    """
    if moments.units < 2:
        return None
    r = Fraction(moments.y, moments.n)
    squares = moments.yy - 2 * r * moments.yn + r * r * moments.nn
    variance = Fraction(moments.units, moments.units - 1) * squares / (Fraction(moments.n) * moments.scale) ** 2
    return Ratio(float(r / moments.scale), float(variance), moments.units)


def ratio_of_sums(y: "npt.NDArray[Any]", n: "npt.NDArray[Any]") -> Ratio | None:
    """Return R = Σy/Σn of units' sums that are no whole numbers; as :func:`estimate`."""
    units = int((n != 0).sum())
    total = float(n.sum())
    if units < 2 or total == 0:
        return None
    r = float(y.sum()) / total
    squares = float(((y - r * n) ** 2).sum())
    return Ratio(r, units / (units - 1) * squares / total**2, units)


def ratio_interval(moments: Moments, *, confidence: float) -> tuple[Interval | None, str]:
    """Return the two-sided interval of Σy/Σn, with Student's t on G−1 degrees of freedom; or the reason there is
    none.
    """
    found = estimate(moments)
    if found is None:
        return None, "an interval needs at least two units"
    half = student((1 + confidence) / 2, found.units - 1) * math.sqrt(found.variance)
    return Interval.around(found.value, half), ""


def student(share: float, freedom: float) -> float:
    """Return the quantile of Student's t distribution."""
    from scipy.stats import t

    return float(t.ppf(share, freedom))
