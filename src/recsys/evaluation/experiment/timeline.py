"""Effects by time: what was known at the end of each day, and how an effect changes as its novelty wears off."""

from collections.abc import Iterator, Mapping, Sequence

from recsys.encoding import rfc3339
from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine, sql_text
from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.experiment.results import DayEffect
from recsys.evaluation.experiment.trial import Trial
from recsys.evaluation.measuring.measures import (
    Mean,
    mean_of,
    moments_sql,
    read_moments,
    scored_columns,
    service_columns,
)
from recsys.evaluation.measuring.metrics import Metric
from recsys.evaluation.statistics.differences import difference
from recsys.evaluation.statistics.ratios import Ratio, estimate

__all__ = ["effects_by_time"]

_DAY_S = 86_400
_SINCE = ((0, 0), (1, 1), (2, 3), (4, 6), (7, 13), (14, 10_000))
"""First and last day of each stretch after the first assignment."""


def effects_by_time(
    engine: Engine, config: Config, trial: Trial, asked: ExperimentSettings, *, caps: Mapping[Metric, int]
) -> tuple[DayEffect, ...]:
    """Compare every candidate with control on the primary and success metrics, up to each day and by days since first
    assignment. Of the latter the intervals are fixed ones: they are looked at once.
    """
    wanted = {*asked.primaries, *asked.successes}
    means = [
        mean_of(config, metric) for metric in config.metrics() if metric.label in wanted and metric.family != "quantile"
    ]
    if not means:
        return ()
    values = sorted({mean.column for mean in means})
    served = {column: sql for column, sql in service_columns(config).items() if column in values}
    scored = [column for column in scored_columns(config) if column in values]
    engine.script(
        "unit_days",
        holes={
            "service": "".join(f", sum({sql}) AS {column}" for column, sql in served.items()),
            "sums": "".join(f", sum(s.{column}) AS {column}" for column in scored),
        },
    )
    found: list[DayEffect] = []
    days = [int(row[0]) for row in engine.rows("SELECT DISTINCT day FROM unit_days ORDER BY 1")]
    for day in days:
        ratios = _ratios(engine, means, values, caps, where=f"day <= {day}")
        at = rfc3339(day * _DAY_S)[:10]
        found += _effects(ratios, means, trial, asked, kind="cumulative", at=at)
    for first, last in _SINCE:
        ratios = _ratios(engine, means, values, caps, where=f"since BETWEEN {first} AND {last}")
        at = str(first) if first == last else f"{first}-{last}" if last < 10_000 else f"{first}+"
        found += _effects(ratios, means, trial, asked, kind="since_first", at=at)
    return tuple(found)


def _ratios(
    engine: Engine, means: Sequence[Mean], values: Sequence[str], caps: Mapping[Metric, int], *, where: str
) -> dict[str, list[Ratio | None]]:
    holes = {
        "sums": "".join(f", coalesce(sum({column}), 0) AS {column}" for column in values),
        "moments": ", ".join(moments_sql(mean, capped_at=caps.get(mean.metric)) for mean in means),
        "where": where,
    }
    return {
        str(arm): [estimate(read_moments(mean, sums, at=number)) for number, mean in enumerate(means)]
        for arm, *sums in engine.rows(sql_text("unit_days_moments", holes))
    }


def _effects(
    ratios: Mapping[str, Sequence[Ratio | None]],
    means: Sequence[Mean],
    trial: Trial,
    asked: ExperimentSettings,
    *,
    kind: str,
    at: str,
) -> Iterator[DayEffect]:
    for arm in trial.candidates:
        for number, mean in enumerate(means):
            control, candidate = (ratios.get(name, [None] * len(means))[number] for name in (trial.control, arm))
            if control is None or candidate is None:
                continue  # a day before anybody came back is not an error
            seen = difference(control, candidate, alpha=asked.alpha)
            yield DayEffect(
                kind=kind,  # type: ignore[arg-type]
                at=at,
                variant=arm,
                metric=mean.metric.label,
                absolute=seen.absolute,
                interval=seen.interval(asked.inference if kind == "cumulative" else "fixed"),
                units=control.units + candidate.units,
            )
