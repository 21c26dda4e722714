"""What a candidate must not harm: its margins against control, and its ceilings."""

from collections.abc import Mapping, Sequence

from recsys.evaluation.experiment.config import ExperimentSettings, Guardrail
from recsys.evaluation.experiment.effects import Measures, compared
from recsys.evaluation.experiment.results import GuardrailResult
from recsys.evaluation.experiment.trial import Trial
from recsys.evaluation.measuring.metrics import Metric, metric_named
from recsys.evaluation.parts import Interval
from recsys.evaluation.statistics import sequential
from recsys.evaluation.statistics.differences import Difference
from recsys.evaluation.statistics.power import chance_within
from recsys.evaluation.statistics.ratios import Ratio
from recsys.evaluation.words import exact, figure, percent, span

__all__ = ["bounds_of", "guardrails_of"]


def guardrails_of(measures: Sequence[Measures], trial: Trial, asked: ExperimentSettings) -> tuple[GuardrailResult, ...]:
    """Judge every guardrail for every candidate, in the config's order.

    Intervals are not corrected for the number of guardrails: a missed harm is dearer than a false one.
    """
    by_metric = {each.metric: each for each in measures}
    return tuple(
        _judge(guard, by_metric[metric_named(guard.metric)].ratios, arm, trial, asked)
        for guard in asked.guardrails
        for arm in trial.candidates
    )


def _judge(
    guard: Guardrail, ratios: Mapping[str, Ratio | None], arm: str, trial: Trial, asked: ExperimentSettings
) -> GuardrailResult:
    metric = metric_named(guard.metric)
    control, candidate = ratios.get(trial.control), ratios.get(arm)
    seen = compared(control, candidate, metric=metric.label, alpha=asked.alpha)
    assert control is not None
    assert candidate is not None
    harm, interval = _harm(seen, guard, asked, lower_is_better=metric.definition.lower_is_better)
    if harm == 0 and control.variance == candidate.variance == 0 and _is_share(metric):
        interval = _nothing_yet(interval, min(control.units, candidate.units), alpha=asked.alpha)
    said = []
    state = "non_inferior"
    power = None
    if guard.margin is not None:
        power = _power(guard, seen, control, candidate, asked)
        state, sentence = _against_margin(guard, metric.label, harm, interval)
        said.append(sentence)
    if guard.ceiling is not None:
        over, sentence = _against_ceiling(guard.ceiling, metric.label, candidate, asked)
        said.append(sentence)
        state = max(state, over, key=_WORST_LAST.index)
    return GuardrailResult(
        variant=arm,
        metric=metric.label,
        state=state,  # type: ignore[arg-type]
        harm=harm,
        interval=interval,
        margin=guard.margin,
        relative=guard.relative,
        value=candidate.value,
        ceiling=guard.ceiling,
        power=power,
        sentence=f"{arm}: {'; '.join(said)}",
    )


_WORST_LAST = ("non_inferior", "unclear", "over_ceiling", "harmed")


def _harm(
    seen: Difference, guard: Guardrail, asked: ExperimentSettings, *, lower_is_better: bool
) -> tuple[float | None, Interval | None]:
    """Return how much worse than control, and the interval that decides: up is worse, whatever the metric."""
    value = seen.relative if guard.relative else seen.absolute
    interval = seen.relative_interval(asked.inference) if guard.relative else seen.interval(asked.inference)
    if value is None or interval is None:
        return None, None
    if lower_is_better:
        return value, interval
    return 0.0 - value, Interval(low=0.0 - interval.high, high=0.0 - interval.low)


def _is_share(metric: Metric) -> bool:
    """Tell whether a request's value lies in 0..1."""
    return metric.family != "quantile" and metric.name != "revenue_per_request"


def _nothing_yet(interval: Interval | None, units: int, *, alpha: float) -> Interval | None:
    """Return the interval of a share that no unit varies in yet: as of an error nobody has had.

    The width 0 that the formulas give says nothing. What n units have not had happens to fewer than 1 − (α/2)^(1/n) of
    them (Clopper, Pearson 1934); that it has not happened by now says that it had not at any look before.
    """
    if interval is None:
        return None
    most = 1 - (alpha / 2) ** (1 / units)
    return Interval(low=interval.low - most, high=interval.high + most)


def _power(
    guard: Guardrail, seen: Difference, control: Ratio, candidate: Ratio, asked: ExperimentSettings
) -> float | None:
    error = seen.relative_error if guard.relative else seen.error
    if error is None or guard.margin is None:
        return None
    units = control.units + candidate.units
    return chance_within(guard.margin, error, units, alpha=asked.alpha, inference=asked.inference)


def _against_margin(guard: Guardrail, label: str, harm: float | None, interval: Interval | None) -> tuple[str, str]:
    assert guard.margin is not None
    if harm is None or interval is None:
        return "unclear", f"{label} has no share of control to be harmed by: one of the arms has none of it"
    write = percent if guard.relative else figure
    within = f"{percent(interval.low)} to {percent(interval.high)}" if guard.relative else span(interval)
    most = percent(guard.margin) if guard.relative else exact(guard.margin)
    way = f"{write(abs(harm))} {'worse' if harm > 0 else 'better'} than" if harm else "the same as"
    moved = f"{label} is {way} control (harm {within}), {most} worse is allowed"
    if interval.low > guard.margin:
        return "harmed", f"{moved}: it is harmed"
    if interval.high < guard.margin:
        return "non_inferior", moved
    return "unclear", f"{moved}: not settled"


def _against_ceiling(ceiling: float, label: str, candidate: Ratio, asked: ExperimentSettings) -> tuple[str, str]:
    interval = bounds_of(candidate, asked)
    said = f"{label} itself is {figure(candidate.value)} ({span(interval)}), at most {exact(ceiling)} is allowed"
    if interval.low > ceiling:
        return "over_ceiling", f"{said}: it is too much"
    if interval.high <= ceiling:
        return "non_inferior", said
    return "unclear", f"{said}: not settled"


def bounds_of(one: Ratio, asked: ExperimentSettings) -> Interval:
    """Return the interval of one arm's value, of the inference that decides."""
    from recsys.evaluation.statistics.ratios import student

    if asked.inference == "fixed":
        return Interval.around(one.value, student(1 - asked.alpha / 2, one.units - 1) * one.variance**0.5)
    rho = sequential.tuned(asked.alpha)
    return Interval.around(one.value, sequential.half_width(one.variance, one.units, alpha=asked.alpha, rho=rho))
