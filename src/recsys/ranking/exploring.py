"""The first places of a list, drawn instead of taken, with the probability of each draw."""

import math
from collections.abc import Sequence

from recsys.ranking.diversity import Scored
from recsys.ranking.draws import Draws

__all__ = ["draw"]


def draw(order: Sequence[Scored], places: int, *, temperature: float, draws: Draws) -> tuple[list[Scored], list[float]]:
    """Draw the first ``places`` of a list from all of it; what is not drawn follows as it stood.

    Plackett and Luce's model over the order (Plackett 1975, "The Analysis of Permutations"): place by place, an item
    that stands ``d`` places below the best one left is ``exp(-d / temperature)`` times as likely as that one. By
    places, not by scores: those of two requests, or of a list made for diversity, do not compare, and as the
    temperature falls this becomes the list itself, ties included.

    Returns the list, and of each place drawn the probability of its item given the items above it.
    """
    likely = [math.exp(-distance / temperature) for distance in range(len(order))]
    left = list(range(len(order)))
    drawn: list[Scored] = []
    propensities: list[float] = []
    for _ in range(min(places, len(order))):
        best = left[0]
        shares = [likely[at - best] for at in left]
        total = math.fsum(shares)
        wanted = draws.next() * total
        at, reached = 0, shares[0]
        while reached <= wanted and at < len(left) - 1:
            at += 1
            reached += shares[at]
        drawn.append(order[left.pop(at)])
        propensities.append(shares[at] / total)
    return drawn + [order[at] for at in left], propensities
