"""Every candidate beside control, on every metric: effects with intervals, p-values, and what they mean."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine, sql_text
from recsys.evaluation.errors import NotInData
from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.experiment.results import Effect, Role, Verdict
from recsys.evaluation.experiment.trial import Trial
from recsys.evaluation.measuring.measures import (
    mean_of,
    moments_sql,
    read_moments,
)
from recsys.evaluation.measuring.metrics import Metric
from recsys.evaluation.statistics.corrections import adjusted
from recsys.evaluation.statistics.differences import Difference, difference
from recsys.evaluation.statistics.power import minimum_detectable, units_needed
from recsys.evaluation.statistics.quantiles import quantile
from recsys.evaluation.statistics.ratios import Ratio, estimate
from recsys.evaluation.statistics.shrinking import shrink

__all__ = ["Measures", "arm_ratios", "compared", "effects_of", "money_caps", "quantiles_of"]

Ratios = Mapping[str, Ratio | None]
"""By arm."""


class Measures(NamedTuple):
    """One metric by arm, as it decides and otherwise. ``plain`` differs only where ``method`` is another."""

    metric: Metric
    over: str
    ratios: Ratios
    plain: Ratios
    method: str = "plain"
    removed: float | None = None


def money_caps(engine: Engine, config: Config, asked: ExperimentSettings) -> dict[Metric, int]:
    """Return what units' sums of money are capped at, in the metric's whole numbers."""
    caps = {}
    for metric in config.metrics():
        if metric.name == "revenue_per_request" and asked.winsorise < 1:
            column = mean_of(config, metric).column
            (cap,) = engine.row(
                f"SELECT quantile_disc({column}, {asked.winsorise}) FROM unit_sums "  # noqa: S608 - of ours
                f"WHERE which = 0 AND {column} > 0 AND unit IN (SELECT unit FROM arms)"
            )
            if cap is not None:
                caps[metric] = int(cap)
    return caps


def arm_ratios(
    engine: Engine, config: Config, *, caps: Mapping[Metric, int], where: str = "true"
) -> dict[tuple[int, str], dict[Metric, dict[str, Ratio | None]]]:
    """Return every mean by slice (number of its key, 0 for all; and value), metric and arm.

    ``where``: SQL over ``arms`` and the slices' numbers (``which``).
    """
    means = [mean_of(config, metric) for metric in config.metrics() if metric.family != "quantile"]
    holes = {
        "moments": ", ".join(moments_sql(mean, capped_at=caps.get(mean.metric)) for mean in means) or "0",
        "where": where,
    }
    found: dict[tuple[int, str], dict[Metric, dict[str, Ratio | None]]] = {}
    for arm, which, value, *sums in engine.rows(sql_text("arm_moments", holes)):
        of_slice = found.setdefault((int(which), str(value)), {mean.metric: {} for mean in means})
        for number, mean in enumerate(means):
            of_slice[mean.metric][str(arm)] = estimate(read_moments(mean, sums, at=number))
    return found


def quantiles_of(engine: Engine, metrics: Sequence[Metric], *, confidence: float) -> dict[Metric, dict[str, Ratio]]:
    """Return each latency's quantile by arm; requests without a latency are left out, not counted as 0."""
    if not metrics:
        return {}
    found: dict[Metric, dict[str, Ratio]] = {metric: {} for metric in metrics}
    # One arm after the other, and never its name beside each of millions of requests. Their order moves nothing.
    for (arm,) in engine.rows("SELECT DISTINCT arm FROM arms ORDER BY 1"):
        rows = engine.run(
            "SELECT e.unit, e.latency_ms::DOUBLE AS latency_ms FROM evaluated AS e "
            "SEMI JOIN (SELECT unit FROM arms WHERE arm = $arm) AS inside USING (unit) WHERE e.latency_ms IS NOT NULL",
            arm=arm,
        ).fetchnumpy()
        latency: npt.NDArray[Any] = np.asarray(rows["latency_ms"], dtype=np.float64)
        if not len(latency):
            continue
        _, owners = np.unique(np.asarray(rows["unit"]), return_inverse=True)
        del rows
        for metric in metrics:
            share = metric.definition.share
            assert share is not None
            seen = quantile(latency, owners, share, confidence=confidence)
            if seen is not None:
                found[metric][str(arm)] = Ratio(seen.value, seen.variance, seen.units)
    return found


def compared(control: Ratio | None, candidate: Ratio | None, *, metric: str, alpha: float) -> Difference:
    """Compare two arms; raises :class:`NotInData` where one of them has too little to be compared."""
    if control is None or candidate is None:
        raise NotInData("metric", metric, reason="an arm has fewer than two units with it")
    return difference(control, candidate, alpha=alpha)


def effects_of(
    measures: Sequence[Measures], trial: Trial, asked: ExperimentSettings, *, days: float
) -> tuple[Effect, ...]:
    """Compare every candidate with control on every metric, and correct for their number."""
    found = [
        (
            arm,
            each,
            compared(each.ratios.get(trial.control), each.ratios.get(arm), metric=each.metric.label, alpha=asked.alpha),
        )
        for arm in trial.candidates
        for each in measures
    ]
    p_values = [difference.p(asked.inference) for _, _, difference in found]
    over_all = adjusted(p_values, by="holm")
    corrected = _corrected(found, p_values, asked)
    return tuple(
        _effect(arm, each, seen, asked, p_adjusted=corrected[n], p_any_worse=over_all[n], days=days)
        for n, (arm, each, seen) in enumerate(found)
    )


def roles_of(metric: Metric, asked: ExperimentSettings) -> tuple[Role, ...]:
    """Return the parts a metric plays."""
    from recsys.evaluation.measuring.metrics import metric_named

    guards = {metric_named(guard.metric).label for guard in asked.guardrails}
    parts: tuple[tuple[Role, bool], ...] = (
        ("primary", metric.label in asked.primaries),
        ("success", metric.label in asked.successes),
        ("guardrail", metric.label in guards),
    )
    return tuple(role for role, plays in parts if plays)


def _corrected(
    found: Sequence[tuple[str, Measures, Difference]], p_values: Sequence[float], asked: ExperimentSettings
) -> list[float]:
    """Correct within each role; of several, the one that a decision to ship rests on: success, else primary."""
    result = list(p_values)
    taken: set[int] = set()
    for role in ("success", "primary"):
        members = [n for n, (_, each, _) in enumerate(found) if role in roles_of(each.metric, asked) and n not in taken]
        by = asked.correction if role == "success" else "holm"
        for n, p in zip(members, adjusted([p_values[n] for n in members], by=by), strict=True):
            result[n] = p
        taken.update(members)
    return result


def _effect(
    arm: str,
    each: Measures,
    seen: Difference,
    asked: ExperimentSettings,
    *,
    p_adjusted: float,
    p_any_worse: float,
    days: float,
) -> Effect:
    control, candidate = (each.ratios[name] for name in (asked.control_variant, arm))
    assert control is not None
    assert candidate is not None
    lower = each.metric.definition.lower_is_better
    units = control.units + candidate.units
    gain = -seen.absolute if lower else seen.absolute
    verdict: Verdict = "unclear" if p_adjusted > asked.alpha else "better" if gain > 0 else "worse"
    doubt = None
    if seen.relative is not None and seen.relative_error is not None:
        doubt = shrink(seen.relative, seen.relative_error, usual=asked.usual_effect)
    needed = days_needed = None
    if asked.mde is not None and "primary" in roles_of(each.metric, asked) and control.value > 0:
        needed = units_needed(
            units,
            seen.error,
            asked.mde * control.value,
            alpha=asked.alpha,
            power=asked.power,
            inference=asked.inference,
        )
        days_needed = None if needed is None else max(0.0, days * (needed / units - 1))
    return Effect(
        variant=arm,
        metric=each.metric.label,
        over=each.over,
        roles=roles_of(each.metric, asked),
        lower_is_better=lower,
        control=control.value,
        candidate=candidate.value,
        absolute=seen.absolute,
        error=seen.error,
        interval=seen.interval(asked.inference),
        fixed=seen.fixed,
        sequential=seen.sequential,
        p=seen.p(asked.inference),
        p_fixed=seen.p_fixed,
        p_sequential=seen.p_sequential,
        p_adjusted=p_adjusted,
        p_any_worse=p_any_worse,
        verdict=verdict,
        relative=seen.relative,
        relative_interval=seen.relative_interval(asked.inference),
        units=units,
        method=each.method,  # type: ignore[arg-type]
        removed=each.removed,
        minimum_detectable=minimum_detectable(
            seen.error, units, alpha=asked.alpha, power=asked.power, inference=asked.inference
        ),
        units_needed=needed,
        days_needed=days_needed,
        shrunk=doubt.estimate if doubt else None,
        surprise=doubt.surprise if doubt else None,
    )
