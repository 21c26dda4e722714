"""A/A: units are split again and again at random, and tests that find something are counted."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Resplits", "resplit"]

_AT_ONCE = 64
"""Splits that are added up together."""
_BOUNDS = 0.999
"""The chance that a sound test's count of false positives lies within the bounds."""


class Resplits(NamedTuple):
    """What the splits found of one metric. ``low`` and ``high`` bound ``false_positives`` of a sound test; ``uniform``
    is the Kolmogorov–Smirnov p-value of its p-values, absent where they take few values.
    """

    splits: int
    false_positives: int
    low: int
    high: int
    uniform: float | None
    p_values: npt.NDArray[np.float64]

    @property
    def sound(self) -> bool:
        """Tell whether there is nothing against the test."""
        return self.low <= self.false_positives <= self.high and (self.uniform is None or self.uniform >= 0.001)


def resplit(
    metrics: Mapping[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]],
    *,
    splits: int,
    alpha: float,
    seed: int,
    advance: Callable[[int], None] = lambda _splits: None,
) -> dict[str, Resplits]:
    """Split the units in halves many times and test each metric each time.

    The test is the difference of ratios with units as clusters, as an experiment's fixed one.

    Parameters
    ----------
    metrics
        By name, each unit's y and n; shape (units,), the same units for all.
    """
    from scipy.stats import binom, kstest

    sums = {name: _powers(y, n) for name, (y, n) in metrics.items()}
    units = len(next(iter(metrics.values()))[0])
    found: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in metrics}
    dice = np.random.default_rng(seed)
    for first in range(0, splits, _AT_ONCE):
        count = min(_AT_ONCE, splits - first)
        bits = np.frombuffer(dice.bytes(count * (-(-units // 8))), dtype=np.uint8).reshape(count, -1)
        halves = np.unpackbits(bits, axis=1, count=units).astype(np.float64)
        for name, powers in sums.items():
            candidate = halves @ powers
            found[name].append(_p_values(powers.sum(axis=0) - candidate, candidate))
        advance(count)
    low, high = (int(end) for end in binom.interval(_BOUNDS, splits, alpha))
    results = {}
    for name, parts in found.items():
        p_values = np.concatenate(parts)
        few = len(np.unique(p_values)) < splits // 2
        uniform = None if few else float(kstest(p_values, "uniform").pvalue)
        results[name] = Resplits(splits, int((p_values < alpha).sum()), low, high, uniform, p_values)
    return results


def _powers(y: npt.NDArray[Any], n: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return of each unit what the moments of a group of units are sums of: shape (units, 6)."""
    y, n = y.astype(np.float64), n.astype(np.float64)
    return np.column_stack([n > 0, n, n * n, y, y * y, y * n]).astype(np.float64)


def _p_values(control: npt.NDArray[np.float64], candidate: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Test many splits at once: moments of shape (splits, 6)."""
    from scipy.stats import t

    arms = [_ratios(control), _ratios(candidate)]
    variance = arms[0][1] + arms[1][1]
    effect = arms[1][0] - arms[0][0]
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = variance**2 / sum(arm[1] ** 2 / (arm[2] - 1) for arm in arms)
        found: npt.NDArray[np.float64] = 2 * t.sf(np.abs(effect) / np.sqrt(variance), freedom)
    return np.where(variance > 0, found, 1.0)


def _ratios(moments: npt.NDArray[np.float64]) -> tuple[Any, Any, Any]:
    """Return R, its variance and the units; as :func:`recsys.evaluation.statistics.ratios.estimate`, for many."""
    units, n, nn, y, yy, yn = moments.T
    with np.errstate(divide="ignore", invalid="ignore"):
        r = y / n
        return r, units / (units - 1) * (yy - 2 * r * yn + r * r * nn) / n**2, units
