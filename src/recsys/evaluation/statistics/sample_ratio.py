"""Did the arms get the shares of units that they were meant to get?"""

import math
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

__all__ = ["SampleRatio", "sample_ratio"]

_SMALL = 5
"""Expected units of an arm below which the chi-square distribution is no good likeness (Cochran 1954)."""
_MOST_WAYS = 200_000
"""As many ways to fall into arms as are counted one by one."""
_CONCENTRATION = 10_000.0
"""Of the Dirichlet mixture: shares that are off by a hundredth or so are found soonest."""


class SampleRatio(NamedTuple):
    """``deviation``: the largest difference of an arm's share from its meant share, as a part of that."""

    p: float
    p_sequential: float
    deviation: float
    method: Literal["chi_square", "exact", "impossible"]


def sample_ratio(seen: Mapping[str, int], shares: Mapping[str, float]) -> SampleRatio:
    """Test units per arm against the shares they were meant to have.

    An arm that nobody was to get and somebody got is impossible: p is 0. An arm with a share that nobody got counts as
    0 units.

    Parameters
    ----------
    seen
        Units by arm.
    shares
        By arm, above 0; they are divided by their sum.
    """
    whole = sum(shares.values())
    meant = {arm: share / whole for arm, share in shares.items() if share > 0}
    total = sum(seen.values())
    counts = [seen.get(arm, 0) for arm in meant]
    probabilities = list(meant.values())
    if any(units for arm, units in seen.items() if arm not in meant):
        return SampleRatio(0.0, 0.0, math.inf, "impossible")
    if total == 0 or len(meant) == 1:
        return SampleRatio(1.0, 1.0, 0.0, "exact")
    deviation = max(abs(units / total / share - 1) for units, share in zip(counts, probabilities, strict=True))
    exact = min(probabilities) * total < _SMALL and math.comb(total + len(meant) - 1, len(meant) - 1) <= _MOST_WAYS
    p = _exact(counts, probabilities) if exact else _chi_square(counts, probabilities)
    return SampleRatio(p, _sequential(counts, probabilities), deviation, "exact" if exact else "chi_square")


def _chi_square(counts: list[int], probabilities: list[float]) -> float:
    from scipy.stats import chi2

    return float(chi2.sf(_distance(counts, probabilities), len(counts) - 1))


def _distance(counts: list[int], probabilities: list[float]) -> float:
    total = sum(counts)
    return math.fsum(
        (units - total * share) ** 2 / (total * share) for units, share in zip(counts, probabilities, strict=True)
    )


def _exact(counts: list[int], probabilities: list[float]) -> float:
    """Add up the chances of all ways to fall into arms that are as far off, by chi-square, or farther."""
    far = _distance(counts, probabilities) * (1 - 1e-9)  # ways that are equally far count, whatever the rounding
    found = [
        math.exp(_log_chance(way, probabilities))
        for way in _ways(sum(counts), len(counts))
        if _distance(way, probabilities) >= far
    ]
    return min(1.0, math.fsum(found))


def _ways(total: int, arms: int) -> Iterator[list[int]]:
    if arms == 1:
        yield [total]
        return
    for first in range(total + 1):
        for rest in _ways(total - first, arms - 1):
            yield [first, *rest]


def _log_chance(counts: list[int], probabilities: list[float]) -> float:
    ways = math.lgamma(sum(counts) + 1) - math.fsum(math.lgamma(units + 1) for units in counts)
    return ways + math.fsum(units * math.log(share) for units, share in zip(counts, probabilities, strict=True))


def _sequential(counts: list[int], probabilities: list[float]) -> float:
    """Return an always-valid p-value: one over the Bayes factor of a Dirichlet mixture centred on the meant shares.

    Source: Lindon, Malek, *Anytime-valid inference for multinomial count data* (NeurIPS 2022).
    """
    prior = [_CONCENTRATION * share for share in probabilities]
    log_factor = math.lgamma(_CONCENTRATION) - math.lgamma(_CONCENTRATION + sum(counts))
    log_factor += math.fsum(
        math.lgamma(weight + units) - math.lgamma(weight) - units * math.log(share)
        for weight, units, share in zip(prior, counts, probabilities, strict=True)
    )
    return min(1.0, math.exp(min(0.0, -log_factor)))
