"""What units did before the experiment, and how much of their differences it explains (CUPED)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine, identifier
from recsys.evaluation.errors import BadData, NotInData
from recsys.evaluation.experiment.config import Cuped, ExperimentSettings
from recsys.evaluation.experiment.effects import Measures
from recsys.evaluation.experiment.trial import Trial
from recsys.evaluation.joining.together import Together
from recsys.evaluation.measuring.measures import mean_of
from recsys.evaluation.measuring.metrics import Metric, metric_named
from recsys.evaluation.statistics.adjusting import Values, adjust
from recsys.evaluation.statistics.ratios import Ratio

__all__ = ["adjusted_by_before"]

_DAY_US = 86_400_000_000
_EVENTS = {"ctr": "click", "conversion_rate": "conversion", "revenue_per_request": "conversion"}
"""What counts before, by metric; of any other metric, all that a unit did."""


def adjusted_by_before(together: Together, trial: Trial, measures: Measures, *, caps: Mapping[Metric, int]) -> Measures:
    """Take out of a metric what its units did in the days before the experiment's first assignment.

    The covariate of a unit is the number of its events of the metric's kind (of money their value); 0 for who was not
    there. With several candidates each is adjusted together with control, so control's value is that of the first.

    Raises
    ------
    NotInData
        Without a ``preperiod``, or when none of it is by a unit of the experiment, in the days before.
    """
    engine, config = together.engine, together.config
    asked = config.experiment
    assert asked is not None
    assert asked.cuped is not None
    if "preperiod" not in together.opened:
        raise NotInData("cuped metric", asked.cuped.metric, reason="the dataset has no preperiod")
    _count_before(engine, asked, asked.cuped, columns=together.opened["preperiod"].columns)
    arms = _units(engine, config, measures.metric, cap=caps.get(measures.metric))
    ratios: dict[str, Ratio | None] = {}
    removed = []
    for candidate in trial.candidates:
        found = adjust(arms[trial.control], arms[candidate])
        if found is None:
            raise NotInData(
                "cuped metric", asked.cuped.metric, reason="all units did as much before: nothing to adjust by"
            )
        ratios.setdefault(trial.control, found.control)
        ratios[candidate] = found.candidate
        removed.append(found.removed)
    return measures._replace(ratios=ratios, method="cuped", removed=min(removed))


def _count_before(engine: Engine, asked: ExperimentSettings, cuped: Cuped, *, columns: Mapping[str, str]) -> None:
    """Make ``before(unit, x)`` of whole numbers: of money, millionths."""
    if asked.unit == "request_id":
        raise BadData("cuped needs units that were there before", next_step="a request was not: leave cuped out")
    if asked.unit not in columns:
        raise BadData(f"preperiod: no column `{asked.unit}`, which is the experiment's unit", next_step="export it too")
    name = metric_named(cuped.metric).name
    event = _EVENTS.get(name)
    wanted = f"event_type = '{event}'" if event else "true"
    if name == "revenue_per_request" and "value" not in columns:
        raise NotInData("cuped metric", cuped.metric, reason="the preperiod has no column `value`")
    counted = "coalesce(sum(round(value * 1000000)::HUGEINT), 0)" if name == "revenue_per_request" else "count(*)"
    engine.run(
        f"CREATE TEMP TABLE before AS SELECT hash({identifier(asked.unit)}) AS unit, {counted} AS x "  # noqa: S608 - ours
        "FROM preperiod_read, (SELECT min(first_us) AS began FROM arms) "
        f"WHERE ts_us < began AND ts_us >= began - {cuped.days * _DAY_US} AND {wanted} "
        f"AND {identifier(asked.unit)} IS NOT NULL GROUP BY 1"
    )
    (known,) = engine.row("SELECT count(*) FROM before SEMI JOIN arms USING (unit)")
    if not known:
        reason = f"no unit of the experiment has a {event or 'row'} in the {cuped.days} days before it"
        raise NotInData("cuped metric", cuped.metric, reason=reason)


def _units(
    engine: Engine, config: Config, metric: Metric, *, cap: int | None
) -> dict[str, tuple[Values, Values, Values]]:
    """Return y, n and x of each unit, by arm, in the order of the units."""
    mean = mean_of(config, metric)
    y = mean.column
    rows = engine.run(
        f"SELECT arm, {f'least({y}, {cap})' if cap is not None else y}::DOUBLE AS y, "  # noqa: S608 - of ours
        f"{mean.over}::DOUBLE AS n, coalesce(x, 0)::DOUBLE AS x "
        "FROM unit_sums JOIN arms USING (unit) "
        "LEFT JOIN before USING (unit) WHERE which = 0 ORDER BY unit"
    ).fetchnumpy()
    names = np.asarray(rows["arm"])
    columns: list[npt.NDArray[Any]] = [
        np.asarray(rows["y"]) / metric.scale,
        np.asarray(rows["n"]),
        np.asarray(rows["x"]),
    ]
    found = {}
    for arm in np.unique(names):
        inside = (names == arm) & (columns[1] > 0)
        found[str(arm)] = (columns[0][inside], columns[1][inside], columns[2][inside])
    return found
