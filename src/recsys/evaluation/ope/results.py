"""What an off-policy evaluation finds."""

from recsys.evaluation.parts import Interval, Part

__all__ = ["Bin", "Estimate", "OpeResult", "WeightsFound"]


class Estimate(Part, frozen=True, kw_only=True):
    """What a request earns by one estimator, and how much more than under the policy that logged, paired by unit."""

    estimator: str
    value: float
    interval: Interval
    gain: float
    gain_interval: Interval


class WeightsFound(Part, frozen=True, kw_only=True):
    """Of the weights of one kind: how many requests they are worth, the largest's share of all, their mean (1 if the
    propensities are true) and its standard error.
    """

    kind: str
    effective: float
    largest_share: float
    mean: float
    mean_error: float


class Bin(Part, frozen=True, kw_only=True):
    """How many requests have a weight from ``low`` on, up to the next bin's."""

    low: float
    requests: int


class OpeResult(Part, frozen=True, kw_only=True):
    """``logged``: what requests earned as they were served."""

    logged: float
    logged_interval: Interval
    estimates: tuple[Estimate, ...]
    weights: tuple[WeightsFound, ...]
    histogram: tuple[Bin, ...]
    clipped: float
    unsupported: float
    requests: int
    items: int
    units: int
