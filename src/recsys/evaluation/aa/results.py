"""What an A/A check finds."""

from recsys.evaluation.parts import Part

__all__ = ["AaLine", "AaResult"]


class AaLine(Part, frozen=True, kw_only=True):
    """One metric. A sound test's ``false_positives`` lie in ``low``..``high`` with a chance of 99.9%. ``uniform``: the
    Kolmogorov–Smirnov p-value of the p-values, absent where they take few values. ``p_values``: how many of them lie in
    each twentieth of 0..1.
    """

    metric: str
    false_positives: int
    low: int
    high: int
    uniform: float | None
    p_values: tuple[int, ...]
    sound: bool


class AaResult(Part, frozen=True, kw_only=True):
    lines: tuple[AaLine, ...]
    splits: int
    units: int
    alpha: float
