"""Since when: the days in a row that are farthest from what they should be."""

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Stretch", "worst_stretch"]


class Stretch(NamedTuple):
    """Days ``first`` to ``last`` (places in the sequence, both included), with ``bad`` of ``total`` in them.

    ``strength`` is the logarithm of how much better these days are explained by a share of their own than by the usual
    one. ``sure``: stronger than the strongest of so many stretches would be by chance, once in a thousand times.
    """

    first: int
    last: int
    bad: int
    total: int
    strength: float
    sure: bool


def worst_stretch(bad: Sequence[int], total: Sequence[int], *, usual: float) -> Stretch | None:
    """Return the days in a row whose share of bad ones is most surely above ``usual`` (0..1), or nothing.

    The scan statistic of Kulldorff, *A spatial scan statistic* (1997), over days, for shares and with the usual share
    known: the stretch with the largest likelihood ratio. One bad day, bad days from one on, and all days being bad are
    told apart by the same measure; a day is taken in only when it makes the stretch clearer, so a few odd rows on a
    quiet day begin nothing. Of equal ones the earliest and shortest stands.

    Parameters
    ----------
    bad, total
        Counts by day, in the order of days, of one length.
    """
    least = min(max(usual, 1e-6), 1 - 1e-6)
    days = len(bad)
    best: Stretch | None = None
    for first in range(days):
        seen_bad = seen = 0
        for last in range(first, days):
            seen_bad += bad[last]
            seen += total[last]
            strength = _strength(seen_bad, seen, least)
            if strength > (best.strength if best else 0.0):
                best = Stretch(first, last, seen_bad, seen, strength, sure=False)
    if best is None:
        return None
    # Half of a chi-square with one degree of freedom, corrected for the number of stretches (Wilks; Bonferroni).
    needed = math.log(days * (days + 1) / 2) + math.log(1000)
    return best._replace(sure=best.strength > needed)


def _strength(bad: int, total: int, usual: float) -> float:
    if not total or bad / total <= usual:
        return 0.0
    share = bad / total
    good = (total - bad) * math.log((1 - share) / (1 - usual)) if bad < total else 0.0
    return bad * math.log(share / usual) + good
