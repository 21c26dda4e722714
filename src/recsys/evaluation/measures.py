"""Computes the means: per request by SQL, summed per unit and slice in whole numbers, then value and
interval.
"""

import msgspec

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine, sql_text
from recsys.evaluation.errors import NotInData
from recsys.evaluation.intervals import Moments, ratio, ratio_interval
from recsys.evaluation.judged import Judged, slice_columns
from recsys.evaluation.metrics import Metric
from recsys.evaluation.results import Measured

__all__ = ["Mean", "check_answerable", "means_of", "measure_means", "score_requests"]

SERVED, RELEVANT, VIEWED = "served", "relevant", "viewed"


class Mean(msgspec.Struct, frozen=True, kw_only=True):
    """A metric over one denominator; ``column`` holds the metric's values in ``scored``."""

    metric: Metric
    over: str
    column: str


def means_of(config: Config) -> tuple[Mean, ...]:
    """Return the means to report: a ranking metric both over all judged requests and over those with
    relevance.
    """
    found = []
    for number, metric in enumerate(config.metrics()):
        if metric.family == "ranking":
            overs: tuple[str, ...] = (SERVED, RELEVANT)
        else:
            overs = (metric.denominator or SERVED,) if metric.family == "rate" else ()
        found += [Mean(metric=metric, over=over, column=f"value_{number}") for over in overs]
    return tuple(found)


def check_answerable(engine: Engine, config: Config, *, reranked: bool) -> None:
    """Refuse metrics the data cannot answer, rather than report 0 against 0.

    Raises
    ------
    NotInData
        With what is missing: an event type that never occurs, or a fact a re-ranked list cannot have.
    """
    counts = dict(engine.rows("SELECT event_type, count(*) FROM outcomes GROUP BY event_type"))
    for metric in config.metrics():
        if metric.family == "rate" and reranked:
            reason = "a re-ranked list was shown to nobody; rates belong to logged lists"
            raise NotInData("metric", metric.label, reason=reason)
        needed = [metric.definition.needs, "view" if metric.denominator == VIEWED else None]
        for event in needed:
            if event and not counts.get(event):
                raise NotInData("metric", metric.label, reason=f"the outcomes hold no {event}")
        if metric.family != "rate" and not any(
            counts.get(event) for event, grade in config.offline.relevance.items() if grade
        ):
            raise NotInData("metric", metric.label, reason="no outcome is of a kind that offline.relevance grades")
    if any(metric.name == "revenue_per_request" for metric in config.metrics()):
        (valued,) = engine.row("SELECT count(value) FROM outcomes WHERE event_type = 'conversion'")
        if not valued:
            raise NotInData("metric", "revenue_per_request", reason="no conversion has a value")


def score_requests(engine: Engine, config: Config, judged: Judged) -> None:
    """Make ``acted``, ``scored``, ``unit_served`` and ``unit_scored`` in the engine."""
    slices = slice_columns(config)
    grades = " ".join(f"WHEN '{event}' THEN {grade}" for event, grade in sorted(config.offline.relevance.items()))
    engine.script(
        "acted",
        holes={
            "slices": "".join(f", any_value(m.{name}) AS {name}" for name in slices),
            "grade": f"CASE m.event_type {grades} ELSE 0 END",
            "list_rank": _RERANKED_RANK if judged.reranked else "m.shown_rank",
            "lists": "JOIN evaluated AS e USING (request_id)" if judged.reranked else "",
        },
    )
    engine.script(
        "scored",
        holes={
            "slices": "".join(f", any_value({name}) AS {name}" for name in slices),
            "columns": "".join(f", {name}" for name in slices),
            "values": ", ".join(_values(config)) or "0 AS nothing",
        },
    )
    sets = ", ".join(["(unit)", *(f"(unit, {name})" for name in slices)])
    which = (
        "CASE " + " ".join(f"WHEN GROUPING({name}) = 0 THEN {n + 1}" for n, name in enumerate(slices)) + " ELSE 0 END"
    )
    names = {
        "which": which if slices else "0",
        "slice": f"coalesce({', '.join(slices)}, '')" if slices else "''",
        "sets": sets,
    }
    engine.script("unit_served", holes=names)
    columns = sorted({mean.column for mean in means_of(config)})
    sums = ", ".join(f"sum({column}) AS {column}" for column in columns) or "0 AS nothing"
    engine.script("unit_scored", holes={**names, "sums": sums})


_RERANKED_RANK = "list_min(list_transform(list_filter(e.items, lambda x: x.item_id = m.item_id), lambda x: x.rank))"


def _values(config: Config) -> list[str]:
    values = []
    for number, metric in enumerate(config.metrics()):
        if metric.family == "catalogue":
            continue
        counts = (
            "len(ideal) > 0" if metric.family == "ranking" else "viewed" if metric.denominator == VIEWED else "true"
        )
        values.append(f"CASE WHEN {counts} THEN {metric.value_sql()} ELSE 0 END AS value_{number}")
    return values


def measure_means(engine: Engine, config: Config) -> dict[tuple[str, str] | None, tuple[Measured, ...]]:
    """Return every mean over all (under ``None``) and in each slice (under its key and value)."""
    means = means_of(config)
    rows = engine.rows(sql_text("moments", {"moments": ", ".join(_moments(mean) for mean in means) or "0"}))
    found: dict[tuple[str, str] | None, tuple[Measured, ...]] = {}
    for which, value, *sums in rows:
        where = None if which == 0 else (config.offline.slice_keys[which - 1], str(value))
        found[where] = tuple(
            _measured(mean, sums[6 * number : 6 * number + 6], config) for number, mean in enumerate(means)
        )
    return found


def _moments(mean: Mean) -> str:
    y, n = f"coalesce({mean.column}, 0)::HUGEINT", f"{mean.over}::HUGEINT"
    return f"count_if({n} > 0), sum({n}), sum({n} * {n}), sum({y}), sum({y} * {y}), sum({y} * {n})"


def _measured(mean: Mean, sums: list[int], config: Config) -> Measured:
    units, n, nn, y, yy, yn = (int(value or 0) for value in sums)
    moments = Moments(units=units, n=n, nn=nn, y=y, yy=yy, yn=yn, scale=mean.metric.scale)
    interval, why = ratio_interval(moments, confidence=config.offline.confidence)
    return Measured(
        metric=mean.metric.label,
        over=mean.over,
        value=ratio(moments),
        requests=n,
        units=units,
        interval=interval,
        why_no_interval=why,
    )
