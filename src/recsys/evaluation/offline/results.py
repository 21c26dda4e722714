"""What an offline evaluation finds."""

from collections.abc import Mapping
from typing import Literal

from recsys.evaluation.parts import Interval, Joins, Measured, Part

__all__ = ["Comparison", "GateResult", "OfflineResult", "Pairing", "Slice"]


class Slice(Part, frozen=True, kw_only=True):
    key: str
    value: str
    joins: Joins
    metrics: tuple[Measured, ...]


class Comparison(Part, frozen=True, kw_only=True):
    """Candidate against baseline on the same requests: ``drop`` is baseline minus candidate, paired by
    request.
    """

    baseline: float
    drop: float
    interval: Interval | None

    @property
    def change(self) -> float:
        """Return candidate minus baseline, as people read it."""
        return 0.0 - self.drop

    @property
    def change_interval(self) -> Interval | None:
        found = self.interval
        return None if found is None else Interval(low=0.0 - found.high, high=0.0 - found.low)


class GateResult(Part, frozen=True, kw_only=True):
    """``unclear``: the interval holds both good and bad; more requests are needed. ``not_judged``: no
    baseline.
    """

    metric: str
    over: str
    state: Literal["pass", "fail", "unclear", "not_judged"]
    value: float
    interval: Interval | None
    max_drop: float | None
    min_value: float | None
    comparison: Comparison | None
    sentence: str


class Pairing(Part, frozen=True, kw_only=True):
    """Per metric, each unit's sum of values as whole numbers of 1/scale, for the units where it is not 0.

    ``positions`` count units in the order of their hashes, from 0; neither is kept. A run on the same
    requests can subtract these from its own, unit by unit: that is the paired comparison.
    """

    units: int
    scale: Mapping[str, int]
    positions: Mapping[str, tuple[int, ...]]
    sums: Mapping[str, tuple[int, ...]]


class OfflineResult(Part, frozen=True, kw_only=True):
    metrics: tuple[Measured, ...]
    slices: tuple[Slice, ...]
    gates: tuple[GateResult, ...]
    pairing: Pairing
