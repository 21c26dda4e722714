"""The blend's weights, fitted on the validation window."""

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.lab.bench.quality.judging import Estimate, Resampling

__all__ = ["GRID", "Fit", "Tried", "Weights", "fit"]

F8 = npt.NDArray[np.float64]
Weights = Mapping[str, float]

GRID = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Simple numbers. Only proportions matter, so the largest weight of a setting is brought to 1 first."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: its NDCG on the validation window, and how much less that is than the best one's, pairwise."""

    weights: dict[str, float]
    ndcg: Estimate
    behind: Estimate


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen, how many settings were tried, and the best of them, best first."""

    chosen: Tried
    tried: int
    top: tuple[Tried, ...]


def fit(
    ndcg_of: Callable[[Weights], F8],
    signals: Sequence[str],
    *,
    prior: Weights,
    resampling: Resampling,
    seed: int,
    restarts: int = 1,
    advance: Callable[[int], None] = lambda _units: None,
) -> Fit:
    """Search for weights of the largest mean NDCG, and choose the one nearest to ``prior`` that is not clearly behind.

    Coordinate search over :data:`GRID`: from the prior, from the best single signal (each is tried), and from
    ``restarts`` settings of chance, one weight is changed at a time, in an order of chance, as long as that helps. Of
    all that was tried, those are as good as the best whose paired difference to it is within one standard error
    (Breiman, Friedman, Olshen, Stone, *Classification and Regression Trees*, 1984, section 3.4.3); the one with the
    least change from the prior is chosen. So data that says nothing about a weight leaves it as it was.

    Parameters
    ----------
    ndcg_of
        The NDCG of each customer under weights, shape (n,).
    """
    chance = np.random.Generator(np.random.PCG64(seed))
    seen: dict[tuple[float, ...], F8] = {}

    def value(point: tuple[float, ...]) -> float:
        if point not in seen:
            seen[point] = ndcg_of(_named(signals, point))
            advance(1)
        return float(seen[point].mean())

    start = _scaled(tuple(prior.get(name, 0.0) for name in signals))
    corners = [tuple(float(name == other) for other in signals) for name in signals]
    others = [_scaled(tuple(chance.choice(GRID[1:], len(signals)).tolist())) for _ in range(restarts)]
    for corner in corners:
        value(corner)
    for begin in (start, max(corners, key=value), *others):
        _climb(begin, value, chance)
    best = max(seen, key=value)
    behind = {point: seen[best] - found for point, found in seen.items()}
    as_good = [point for point, less in behind.items() if less.mean() <= _standard_error(less)]
    chosen = min(as_good, key=lambda point: (_change(point, start), -value(point), point))

    def told(point: tuple[float, ...]) -> Tried:
        return Tried(
            weights=_named(signals, point), ndcg=resampling.mean(seen[point]), behind=resampling.mean(behind[point])
        )

    top = sorted(seen, key=lambda point: (-value(point), point))[:5]
    return Fit(chosen=told(chosen), tried=len(seen), top=tuple(map(told, top)))


def _climb(point: tuple[float, ...], value: Callable[[tuple[float, ...]], float], chance: np.random.Generator) -> None:
    """Change one weight at a time to the best of the grid until none helps."""
    better = True
    while better:
        better = False
        for axis in chance.permutation(len(point)).tolist():
            tries = {_scaled((*point[:axis], weight, *point[axis + 1 :])) for weight in GRID}
            found = max(sorted(tries - {(0.0,) * len(point)}), key=value)
            if value(found) > value(point):
                point, better = found, True


def _scaled(point: tuple[float, ...]) -> tuple[float, ...]:
    """Bring the largest weight to 1: rankings do not change, and equal settings are tried once."""
    most = max(point)
    return tuple(round(weight / most, 3) for weight in point) if most else point


def _change(point: tuple[float, ...], start: tuple[float, ...]) -> float:
    """Return how far one setting is from another: the sum of the steps of its weights, in factors of two.

    What is below the grid counts as its smallest part: nothing and next to nothing are near.
    """
    least = GRID[1] / 2
    return sum(abs(math.log2(max(a, least) / max(b, least))) for a, b in zip(point, start, strict=True))


def _standard_error(values: F8) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


def _named(signals: Sequence[str], point: tuple[float, ...]) -> dict[str, float]:
    return dict(zip(signals, point, strict=True))
