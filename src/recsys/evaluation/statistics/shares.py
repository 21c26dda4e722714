"""Shares of a count: exact intervals and tests."""

from recsys.evaluation.statistics.ratios import Interval

__all__ = ["share_interval"]


def share_interval(part: int, whole: int, *, confidence: float = 0.95) -> Interval:
    """Return the exact interval of a share (Clopper, Pearson 1934)."""
    from scipy.stats import binomtest

    found = binomtest(part, whole).proportion_ci(confidence)
    return Interval(low=float(found.low), high=float(found.high))
