"""What an arm does beside another: the difference of two independent ratios, absolute and relative."""

import math
from typing import Literal, NamedTuple

from recsys.evaluation.statistics import sequential
from recsys.evaluation.statistics.ratios import Interval, Ratio, student

__all__ = ["Difference", "Inference", "difference", "freedom"]

Inference = Literal["fixed", "sequential"]
"""Which interval: one that holds at a look that was planned, or one that holds at any."""


class Difference(NamedTuple):
    """Candidate minus control, and candidate over control minus 1; each with both kinds of interval and p-value.

    ``relative`` and its intervals are absent where one of the two is not above 0: there is nothing to be relative to.
    """

    absolute: float
    error: float
    """Standard error of ``absolute``."""
    fixed: Interval
    sequential: Interval
    p_fixed: float
    p_sequential: float
    relative: float | None
    relative_error: float | None
    """Standard error of ``relative``, by the delta method."""
    relative_fixed: Interval | None
    relative_sequential: Interval | None

    def interval(self, inference: Inference) -> Interval:
        """Return the absolute interval of a kind."""
        return self.fixed if inference == "fixed" else self.sequential

    def relative_interval(self, inference: Inference) -> Interval | None:
        """Return the relative interval of a kind."""
        return self.relative_fixed if inference == "fixed" else self.relative_sequential

    def p(self, inference: Inference) -> float:
        """Return the p-value of a kind."""
        return self.p_fixed if inference == "fixed" else self.p_sequential


def freedom(control: Ratio, candidate: Ratio) -> float:
    """Return the degrees of freedom of the difference (Welch 1947, Satterthwaite 1946)."""
    whole = control.variance + candidate.variance
    if whole == 0:
        return float(control.units + candidate.units - 2)
    each = sum(arm.variance**2 / (arm.units - 1) for arm in (control, candidate))
    return whole**2 / each


def difference(control: Ratio, candidate: Ratio, *, alpha: float, tuned_at: int = sequential.TUNED_AT) -> Difference:
    """Compare two arms of independent units; intervals are of confidence 1 − ``alpha``.

    The fixed interval is Student's t with Welch's degrees of freedom. The relative ones are those of the logarithm of
    the ratio, whose variance is v/R² + v'/R'² (delta method), with degrees of freedom of their own: they never reach
    below −1, and are not symmetric.

    The sequential ones take no arm's units to vary less than units of both arms do, pooled: of a small arm in which
    nothing has happened yet the variance is 0, and a look at that moment would find it worse for sure.
    """
    absolute = candidate.value - control.value
    variance = control.variance + candidate.variance
    n = control.units + candidate.units
    rho = sequential.tuned(alpha, at=tuned_at)
    t = student(1 - alpha / 2, freedom(control, candidate))
    error = math.sqrt(variance)
    cautious = _at_least_pooled(control, candidate)
    wide = sequential.half_width(sum(cautious), n, alpha=alpha, rho=rho)
    relative = relative_error = relative_fixed = relative_sequential = None
    if control.value > 0 and candidate.value > 0:
        times = candidate.value / control.value
        logs = _of_logarithm((control.variance, candidate.variance), control.value, candidate.value)
        wide_logs = _of_logarithm(cautious, control.value, candidate.value)
        relative, relative_error = times - 1, times * math.sqrt(logs)
        spread = [Ratio(1.0, arm.variance / arm.value**2, arm.units) for arm in (control, candidate)]
        relative_fixed = _around(times, student(1 - alpha / 2, freedom(*spread)) * math.sqrt(logs))
        relative_sequential = _around(times, sequential.half_width(wide_logs, n, alpha=alpha, rho=rho))
    return Difference(
        absolute=absolute,
        error=error,
        fixed=Interval.around(absolute, t * error),
        sequential=Interval.around(absolute, wide),
        p_fixed=_two_sided(absolute, error, freedom(control, candidate)),
        p_sequential=sequential.p_value(absolute, sum(cautious), n, rho=rho),
        relative=relative,
        relative_error=relative_error,
        relative_fixed=relative_fixed,
        relative_sequential=relative_sequential,
    )


def _at_least_pooled(control: Ratio, candidate: Ratio) -> tuple[float, float]:
    """Return the arms' variances, each as of units that vary no less than those of both arms."""
    of_unit = [arm.variance * arm.units for arm in (control, candidate)]
    weights = [arm.units - 1 for arm in (control, candidate)]
    pooled = sum(one * weight for one, weight in zip(of_unit, weights, strict=True)) / sum(weights)
    return max(of_unit[0], pooled) / control.units, max(of_unit[1], pooled) / candidate.units


def _of_logarithm(variances: tuple[float, float], control: float, candidate: float) -> float:
    return variances[0] / control**2 + variances[1] / candidate**2


def _around(times: float, half: float) -> Interval:
    """Return the interval of a ratio minus 1 from half the width of that of its logarithm."""
    return Interval(low=times * math.exp(-half) - 1, high=times * _exp(half) - 1)


def _exp(power: float) -> float:
    return math.exp(power) if power < 700 else math.inf


def _two_sided(effect: float, error: float, degrees: float) -> float:
    from scipy.stats import t

    if error == 0:
        return 1.0 if effect == 0 else 0.0
    return float(2 * t.sf(abs(effect) / error, degrees))
