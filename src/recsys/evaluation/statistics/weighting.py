"""Estimators that weigh what one policy earned to tell what another would have.

Arrays are flat: one entry per shown item, sorted by request and place. Of an item: ``weight``, the target policy's
probability of it, given those above, over the logging policy's; ``reward``; and ``request``, whose list it stands in.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys.evaluation.statistics.ratios import Ratio, ratio_of_sums

__all__ = ["Placed", "Terms", "Weights", "estimate", "slate_terms", "weights_of"]

Values = npt.NDArray[Any]


class Placed(NamedTuple):
    """The items that were shown. ``request`` counts from 0, without a gap, ascending; ``unit``: whose request, by
    request, from 0.
    """

    request: Values
    weight: Values
    reward: Values
    unit: Values


class Terms(NamedTuple):
    """What each request adds: ``earned`` to the numerator, ``weight`` to what a self-normalised form divides by."""

    earned: Values
    weight: Values


class Weights(NamedTuple):
    """How much of the log is left once it is weighed. ``effective``: (Σw)²/Σw² (Kish 1965)."""

    effective: float
    largest_share: float
    mean: float
    mean_error: float


def slate_terms(placed: Placed, *, kind: str, together: str = "sum") -> Terms:
    """Return what each request adds to an estimate.

    ``sips`` weighs the whole list by the product of its items' weights (Swaminathan et al. 2017); ``iips`` each item
    by its own weight, as if places did not depend on each other (Li et al. 2018); ``rips`` each item by the product
    of the weights down to it, as if people read from the top (McInerney et al. 2020). The self-normalised forms
    divide by the mean of the weights: of lists for ``sips``, of items for the others.
    """
    requests = len(placed.unit)
    starts = np.searchsorted(placed.request, np.arange(requests))
    down = placed.weight if kind == "iips" else _products(placed.weight, starts)
    if kind == "sips":
        ends = np.append(starts[1:], len(placed.request)) - 1
        whole = down[ends]
        add = np.maximum if together == "any" else np.add
        return Terms(whole * add.reduceat(placed.reward, starts), whole)
    sizes = np.diff(np.append(starts, len(placed.request)))
    return Terms(np.add.reduceat(down * placed.reward, starts), np.add.reduceat(down, starts) / sizes.mean())


def _products(weights: Values, starts: Values) -> Values:
    """Multiply up from the first item of each request; a request is short, so place by place over all requests."""
    found = weights.astype(np.float64).copy()
    place = np.arange(len(weights)) - np.repeat(starts, np.diff(np.append(starts, len(weights))))
    for depth in range(1, int(place.max(initial=0)) + 1):
        here = np.flatnonzero(place == depth)
        found[here] *= found[here - 1]
    return found


def estimate(terms: Terms, unit: Values, *, normalised: bool) -> Ratio | None:
    """Return what a request earns under the target policy, with the error of that estimator, clustered by unit.

    Plain: the mean of what requests add. Self-normalised: a ratio of sums, whose error is that of a ratio.
    """
    units = int(unit.max()) + 1
    earned = np.bincount(unit, weights=terms.earned, minlength=units)
    divisor = terms.weight if normalised else np.ones(len(unit))
    return ratio_of_sums(earned, np.bincount(unit, weights=divisor, minlength=units))


def weights_of(terms: Terms, unit: Values) -> Weights:
    """Describe the weights of requests."""
    weight = terms.weight
    total, squares = float(weight.sum()), float((weight**2).sum())
    units = int(unit.max()) + 1
    mean = ratio_of_sums(np.bincount(unit, weights=weight, minlength=units), np.bincount(unit, minlength=units))
    if total == 0:
        return Weights(0.0, 1.0, 0.0, 0.0)
    error = mean.variance**0.5 if mean else 0.0
    return Weights(total**2 / squares, float(weight.max()) / total, total / len(weight), error)
