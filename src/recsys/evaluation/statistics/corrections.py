"""P-values of several tests, corrected for being several."""

from collections.abc import Sequence
from typing import Literal

__all__ = ["Correction", "adjusted"]

Correction = Literal["holm", "benjamini_hochberg"]


def adjusted(p_values: Sequence[float], *, by: Correction) -> tuple[float, ...]:
    """Return adjusted p-values, in the given order: one at most α rejects at α.

    ``holm`` bounds the chance of any false rejection, whatever the tests have to do with each other (Holm 1979);
    ``benjamini_hochberg`` the share of false ones among the rejections, for tests that are independent or move together
    (Benjamini, Hochberg 1995).
    """
    order = sorted(range(len(p_values)), key=lambda test: p_values[test])
    found = [1.0] * len(p_values)
    if by == "holm":
        worst = 0.0
        for place, test in enumerate(order):
            worst = max(worst, (len(order) - place) * p_values[test])
            found[test] = min(1.0, worst)
        return tuple(found)
    best = 1.0
    for place, test in reversed(list(enumerate(order, start=1))):
        best = min(best, len(order) / place * p_values[test])
        found[test] = best
    return tuple(found)
