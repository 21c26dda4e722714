"""What the evaluation of an experiment finds."""

from typing import Literal

from recsys.evaluation.parts import Interval, Part

__all__ = [
    "Arm",
    "ArmCeiling",
    "DayEffect",
    "Effect",
    "ExperimentResult",
    "GuardrailResult",
    "RatioLine",
    "Sensitivity",
    "SliceEffect",
]

Role = Literal["primary", "success", "guardrail"]
Verdict = Literal["better", "worse", "unclear"]


class Arm(Part, frozen=True, kw_only=True):
    """One arm. ``units`` by first assignment; ``requests`` of theirs that are analysed."""

    variant: str
    meant_share: float
    units: int
    requests: int


class Effect(Part, frozen=True, kw_only=True):
    """A candidate beside control on one metric: candidate minus control, and candidate over control minus 1.

    ``interval`` and ``relative_interval`` are of the inference that decides; the ones of the other kind stand beside
    them. ``p_adjusted`` is corrected over the metrics of its strictest role, ``p_any_worse`` over all metrics.
    ``method`` names what was done to the units' sums before: ``cuped`` removed ``removed`` of the variance,
    ``winsorised`` capped them. ``minimum_detectable``: the absolute effect this data finds with the power asked for.
    ``shrunk``: the relative effect to believe, given what effects are usually like; ``surprise`` how many standard
    deviations of those this one is.
    """

    variant: str
    metric: str
    over: str
    roles: tuple[Role, ...]
    lower_is_better: bool
    control: float
    candidate: float
    absolute: float
    error: float
    interval: Interval
    fixed: Interval
    sequential: Interval
    p: float
    p_fixed: float
    p_sequential: float
    p_adjusted: float
    p_any_worse: float
    verdict: Verdict
    relative: float | None
    relative_interval: Interval | None
    units: int
    method: Literal["plain", "cuped", "winsorised"] = "plain"
    removed: float | None = None
    minimum_detectable: float
    units_needed: int | None = None
    days_needed: float | None = None
    shrunk: float | None = None
    surprise: float | None = None


class Sensitivity(Part, frozen=True, kw_only=True):
    """An effect computed another way, beside the one that decides."""

    variant: str
    metric: str
    way: Literal["plain", "winsorised", "cuped", "without_crossovers", "diluted"]
    absolute: float
    interval: Interval
    p: float
    units: int


class GuardrailResult(Part, frozen=True, kw_only=True):
    """``harm``: how much worse than control, in the metric's units or as a share of control's; negative is better.

    ``over_ceiling`` and ``unclear_ceiling`` speak of the candidate's own value.
    """

    variant: str
    metric: str
    state: Literal["harmed", "over_ceiling", "unclear", "non_inferior"]
    harm: float | None
    interval: Interval | None
    margin: float | None
    relative: bool
    value: float
    ceiling: float | None
    power: float | None
    """The chance to find it non-inferior if there is no harm at all."""
    sentence: str


class ArmCeiling(Part, frozen=True, kw_only=True):
    """What an arm did to all who asked, of whatever traffic: ``rate`` of its requests, and a bound below it that holds
    at any look. Of a latency, ``rate`` is the share of requests slower than ``ceiling`` and ``allowed`` what that may
    be; of a rate they are the same thing.
    """

    variant: str
    metric: str
    rate: float
    at_least: float
    allowed: float
    ceiling: float
    requests: int
    units: int
    broken: bool


class RatioLine(Part, frozen=True, kw_only=True):
    """Units by arm against the shares they were meant to have: over ``all``, of a ``day`` or of a slice.

    ``part`` is what it is of: ``all``, ``day 2026-11-22``, ``surface = home``.
    """

    part: str
    units: dict[str, int]
    p: float
    p_sequential: float
    deviation: float
    method: str


class DayEffect(Part, frozen=True, kw_only=True):
    """An effect by time. ``kind`` ``cumulative``: of everything up to the end of ``at``, a day; ``since_first``: of
    what units did so many days after they were first assigned (``at`` like ``2-3``).
    """

    kind: Literal["cumulative", "since_first"]
    at: str
    variant: str
    metric: str
    absolute: float
    interval: Interval
    units: int


class SliceEffect(Part, frozen=True, kw_only=True):
    """An effect within a slice. For diagnosis: no rule looks at it."""

    key: str
    value: str
    variant: str
    metric: str
    control: float
    candidate: float
    absolute: float
    interval: Interval
    units: int


class ExperimentResult(Part, frozen=True, kw_only=True):
    """``tenants`` and ``surfaces``: whose experiment it was and where it ran, as far as the log says."""

    experiment_id: str
    tenants: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()
    control: str
    arms: tuple[Arm, ...]
    effects: tuple[Effect, ...]
    guardrails: tuple[GuardrailResult, ...]
    ceilings: tuple[ArmCeiling, ...]
    sample_ratio: tuple[RatioLine, ...]
    sensitivity: tuple[Sensitivity, ...]
    by_time: tuple[DayEffect, ...]
    slices: tuple[SliceEffect, ...]
    units: int
    crossovers: int
    requests_without_unit: int
    days: float
    """Days from the first to the last request."""
