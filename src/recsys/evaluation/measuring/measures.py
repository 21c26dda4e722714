"""Computes the means: per request by SQL, summed per unit and slice in whole numbers, then value and
interval.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine, sql_text
from recsys.evaluation.errors import NotInData
from recsys.evaluation.joining.judged import slice_columns
from recsys.evaluation.measuring.metrics import Metric
from recsys.evaluation.parts import Measured
from recsys.evaluation.statistics.ratios import Moments, ratio, ratio_interval

__all__ = [
    "Mean",
    "check_answerable",
    "mean_of",
    "means_of",
    "measure_means",
    "moments_sql",
    "read_moments",
    "score_requests",
    "scored_columns",
    "service_columns",
    "unit_values",
]

SERVED, RELEVANT, VIEWED = "served", "relevant", "viewed"


class Mean(msgspec.Struct, frozen=True, kw_only=True):
    """A metric over one denominator; ``column`` holds the metric's sums of each unit, in whole numbers."""

    metric: Metric
    over: str
    column: str


def means_of(config: Config) -> tuple[Mean, ...]:
    """Return the means to report: a ranking metric both over all judged requests and over those with
    relevance.
    """
    found = []
    for number, metric in enumerate(config.metrics()):
        overs = {
            "ranking": (SERVED, RELEVANT),
            "rate": (metric.denominator or SERVED,),
            "service": (SERVED,),
        }.get(metric.family, ())
        found += [Mean(metric=metric, over=over, column=f"value_{number}") for over in overs]
    return tuple(found)


def mean_of(config: Config, metric: Metric) -> Mean:
    """Return the mean by which a metric is compared: of all requests served, unless its name says another."""
    return next(mean for mean in means_of(config) if mean.metric == metric)


def check_answerable(engine: Engine, config: Config, *, reranked: bool) -> None:
    """Refuse metrics the data cannot answer, rather than report 0 against 0.

    Raises
    ------
    NotInData
        With what is missing: an event type that never occurs, or a fact a re-ranked list cannot have.
    """
    counts = _counted(engine)
    if config.reward_event is not None and not counts.get(config.reward_event):
        raise NotInData("reward_event", config.reward_event, reason="the outcomes hold none", known=tuple(counts))
    for error in unanswerable(engine, config, reranked=reranked).values():
        raise error


def unanswerable(engine: Engine, config: Config, *, reranked: bool) -> dict[Metric, NotInData]:
    """Return the metrics the data cannot answer, each with what is missing."""
    counts = _counted(engine)
    why = {metric: _missing(engine, config, metric, counts, reranked=reranked) for metric in config.metrics()}
    return {
        metric: NotInData("metric", metric.label, reason=reason) for metric, reason in why.items() if reason is not None
    }


def _counted(engine: Engine) -> dict[str, int]:
    counts = _counts(engine, "outcomes")
    if any(event not in counts for event in ("view", "click", "conversion")):
        counts = _counts(engine, "outcomes_read")  # an event id that many share leaves one of them
    return counts


def _counts(engine: Engine, table: str) -> dict[str, int]:
    return dict(engine.rows(f"SELECT event_type, count(*) FROM {table} GROUP BY event_type"))  # noqa: S608 - of ours


def _missing(engine: Engine, config: Config, metric: Metric, counts: dict[str, int], *, reranked: bool) -> str | None:
    """Say what a metric lacks, if it lacks anything."""
    if metric.family in ("rate", "service") and reranked:
        return "a re-ranked list was shown to nobody; rates belong to logged lists"
    if metric.family in ("service", "quantile"):
        return _unlogged(engine, metric)
    for event in (metric.definition.needs, "view" if metric.denominator == VIEWED else None):
        if event and not counts.get(event):
            return f"the outcomes hold no {event}"
    if metric.family != "rate" and not any(counts.get(event) for event, grade in config.relevance.items() if grade):
        return "no outcome is of a kind that offline.relevance grades"
    if metric.name == "revenue_per_request":
        valued, worth = engine.row(
            "SELECT count(value), count_if(round(value * 1000000) <> 0) FROM outcomes WHERE event_type = 'conversion'"
        )
        if not worth:
            return "every conversion is worth 0" if valued else "no conversion has a value"
    return None


def _unlogged(engine: Engine, metric: Metric) -> str | None:
    """Say what of the service the log does not carry: missing is missing, not 0."""
    rungs, latencies = engine.row("SELECT count_if(knows_rung), count(latency_ms) FROM exposures")
    if metric.name == "fallback_rate" and not rungs:
        return "no exposure has `rung` in its context"
    if metric.family == "quantile" and not latencies:
        return "no exposure has latency_ms"
    return None


def score_requests(engine: Engine, config: Config, *, reranked: bool, only: str = "", unit: str = "m.unit") -> None:
    """Make ``acted``, ``scored``, ``unit_cells``, ``unit_totals`` and ``unit_sums`` in the engine.

    ``only``: SQL that joins ``matched AS m`` with what is judged, where that is not every request; ``unit``: where the
    unit stands after it.
    """
    slices = slice_columns(config)
    any_slices = "".join(f", any_value({name}) AS {name}" for name in slices)
    grades = " ".join(f"WHEN '{event}' THEN {grade}" for event, grade in sorted(config.relevance.items()))
    engine.script(
        "acted",
        holes={
            "unit": unit,
            "slices": "".join(f", m.{name}" for name in slices),
            "any_slices": any_slices,
            "grade": f"CASE m.event_type {grades} ELSE 0 END",
            "list_rank": _RERANKED_RANK if reranked else "m.shown_rank",
            "lists": "JOIN evaluated AS e USING (request)" if reranked else only,
        },
    )
    engine.script(
        "scored",
        holes={
            "any_slices": any_slices,
            "columns": "".join(f", {name}" for name in slices),
            "values": ", ".join(_values(config)) or "0 AS nothing",
        },
    )
    _sum_units(engine, config, slices)


def _sum_units(engine: Engine, config: Config, slices: list[str]) -> None:
    served, scored = service_columns(config), scored_columns(config)
    engine.script(
        "unit_cells",
        holes={
            "keys": ", ".join(["unit", *slices]),
            "served": "".join(f", sum({sql})::BIGINT AS {name}" for name, sql in served.items())
            + "".join(f", 0 AS {name}" for name in scored),
            "scored": ", 0" * len(served) + "".join(f", sum({name})::BIGINT" for name in scored),
        },
    )
    engine.run(f"CREATE TEMP TABLE unit_totals AS {unit_sums_sql(config, which=0)}")
    if config.mode != "offline":
        parts = " UNION ALL ".join(unit_sums_sql(config, which=which) for which in range(len(slices) + 1))
        engine.run(f"CREATE TEMP TABLE unit_sums AS {parts}")


def unit_sums_sql(config: Config, *, which: int) -> str:
    """Write the sums of each unit, in each slice of the ``which``-th key; of 0, over all its requests."""
    columns = sorted([*service_columns(config), *scored_columns(config)])
    key = [slice_columns(config)[which - 1]] if which else []
    holes = {
        "which": str(which),
        "slice": f"{key[0]}::VARCHAR" if key else "''",
        "keys": ", ".join(["unit", *key]),
        "sums": "".join(f", sum({column})::BIGINT AS {column}" for column in columns),
    }
    return sql_text("unit_sums", holes)


def service_columns(config: Config) -> dict[str, str]:
    """Return the SQL of a request's values that need no outcome, by column."""
    return {mean.column: mean.metric.value_sql() for mean in means_of(config) if mean.metric.family == "service"}


def scored_columns(config: Config) -> list[str]:
    """Return the columns of ``scored`` with the values of metrics, each once."""
    return sorted({mean.column for mean in means_of(config) if mean.metric.family != "service"})


_RERANKED_RANK = "list_min(list_transform(list_filter(e.items, lambda x: x.item_id = m.item_id), lambda x: x.rank))"


def _values(config: Config) -> list[str]:
    values = []
    for number, metric in enumerate(config.metrics()):
        if metric.family not in ("ranking", "rate"):
            continue
        counts = (
            "len(ideal) > 0" if metric.family == "ranking" else "viewed" if metric.denominator == VIEWED else "true"
        )
        values.append(f"CASE WHEN {counts} THEN {metric.value_sql()} ELSE 0 END AS value_{number}")
    return values


def measure_means(engine: Engine, config: Config) -> dict[tuple[str, str] | None, tuple[Measured, ...]]:
    """Return every mean over all (under ``None``) and in each slice (under its key and value)."""
    means = means_of(config)
    moments = ", ".join(moments_sql(mean) for mean in means) or "0"
    found: dict[tuple[str, str] | None, tuple[Measured, ...]] = {}
    # One key after the other: the units of all keys at once would need four times the memory.
    units = ["FROM unit_totals", *(unit_sums_sql(config, which=n + 1) for n in range(len(config.slice_keys)))]
    rows = [row for one in units for row in engine.rows(sql_text("moments", {"units": one, "moments": moments}))]
    for which, value, *sums in rows:
        where = None if which == 0 else (config.slice_keys[which - 1], str(value))
        found[where] = tuple(
            _measured(mean, read_moments(mean, sums, at=number), config) for number, mean in enumerate(means)
        )
    return found


def unit_values(engine: Engine, mean: Mean) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return each unit's y and n, in the order of the units' hashes; units without n are 0."""
    found = engine.run(
        f"SELECT {mean.column}::DOUBLE AS y, {mean.over}::DOUBLE AS n "  # noqa: S608 - columns of ours
        "FROM unit_totals ORDER BY unit"
    ).fetchnumpy()
    return np.asarray(found["y"]) / mean.metric.scale, np.asarray(found["n"])


def moments_sql(mean: Mean, *, capped_at: int | None = None) -> str:
    """Write what a ratio and its variance need of units' sums: six whole numbers, read by :func:`read_moments`."""
    y, n = mean.column, mean.over
    if capped_at is not None:
        y = f"least({y}, {capped_at})"
    return f"count_if({n} > 0), sum({n}), sum({n} * {n}), sum({y}), sum({y}::HUGEINT * {y}), sum({y}::HUGEINT * {n})"


def read_moments(mean: Mean, sums: Sequence[int | None], *, at: int) -> Moments:
    """Read the ``at``-th mean's moments from a row of several."""
    units, n, nn, y, yy, yn = (int(value or 0) for value in sums[6 * at : 6 * at + 6])
    return Moments(units=units, n=n, nn=nn, y=y, yy=yy, yn=yn, scale=mean.metric.scale)


def _measured(mean: Mean, moments: Moments, config: Config) -> Measured:
    interval, why = ratio_interval(moments, confidence=config.confidence)
    return Measured(
        metric=mean.metric.label,
        over=mean.over,
        value=ratio(moments),
        requests=moments.n,
        units=moments.units,
        interval=interval,
        why_no_interval=why,
    )
