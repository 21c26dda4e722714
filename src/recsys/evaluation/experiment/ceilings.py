"""Is an arm harming people as they are served? Judged on all its requests, of whatever traffic, joined with nothing."""

from recsys.evaluation.engine import Engine
from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.experiment.results import ArmCeiling
from recsys.evaluation.measuring.metrics import Metric, metric_named
from recsys.evaluation.statistics import sequential
from recsys.evaluation.statistics.ratios import Moments, estimate

__all__ = ["ceilings_of"]


def ceilings_of(engine: Engine, asked: ExperimentSettings) -> tuple[ArmCeiling, ...]:
    """Hold every arm's errors, empties, fallbacks and latencies against their ceilings, by a bound that holds at any
    look.

    A quantile is above its ceiling when more requests are slower than that than may be: p99 when more than a hundredth.
    An arm of fewer than ``sequential.LEAST_UNITS`` is not judged. Requests without a latency are left out of its share.
    """
    found = []
    for guard in asked.guardrails:
        metric = metric_named(guard.metric)
        if guard.ceiling is not None and metric.family in ("service", "quantile"):
            found += _of(engine, metric, guard.ceiling, asked)
    return tuple(found)


def _of(engine: Engine, metric: Metric, ceiling: float, asked: ExperimentSettings) -> list[ArmCeiling]:
    if metric.definition.share is None:
        bad, counted, allowed = metric.value_sql(), "1", ceiling
    else:
        bad, counted = f"(latency_ms > {ceiling})::INT * {metric.scale}", "(latency_ms IS NOT NULL)::INT"
        allowed = 1 - metric.definition.share
    rows = engine.rows(
        "SELECT variant, count_if(n > 0), sum(n), sum(n * n), sum(y), sum(y * y), sum(y * n) FROM "  # noqa: S608 - of ours
        f"(SELECT variant, unit, sum({counted})::HUGEINT AS n, coalesce(sum({bad}), 0)::HUGEINT AS y "
        "FROM served WHERE variant IS NOT NULL GROUP BY ALL) GROUP BY variant ORDER BY variant"
    )
    rho = sequential.tuned(asked.alpha)
    found = []
    for arm, *sums in rows:
        units, n, nn, y, yy, yn = (int(value or 0) for value in sums)
        one = estimate(Moments(units=units, n=n, nn=nn, y=y, yy=yy, yn=yn, scale=metric.scale))
        if one is None or one.units < sequential.LEAST_UNITS:
            continue
        low = one.value - sequential.half_width(one.variance, one.units, alpha=asked.alpha, rho=rho)
        found.append(
            ArmCeiling(
                variant=str(arm),
                metric=metric.label,
                rate=one.value,
                at_least=max(0.0, low),
                allowed=allowed,
                ceiling=ceiling,
                requests=n,
                units=units,
                broken=low > allowed,
            )
        )
    return found
