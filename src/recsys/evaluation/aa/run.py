"""The A/A check, from logs in the engine to a report."""

import numpy as np

from recsys.evaluation.aa.results import AaLine, AaResult
from recsys.evaluation.aa.rules import Facts, decide
from recsys.evaluation.errors import BadData
from recsys.evaluation.joining.together import Together, describe
from recsys.evaluation.measuring.measures import mean_of, score_requests, unit_values
from recsys.evaluation.report import Report
from recsys.evaluation.reporting import report_on
from recsys.evaluation.statistics.splitting import Resplits, resplit

__all__ = ["run_aa"]

_TWENTIETHS = 20
_LEAST_UNITS = 100
"""Fewer, and the halves are too few for any test: the check would tell of that alone."""


def run_aa(together: Together) -> Report:
    """Split the units of the logs in halves again and again, and count what the test of experiments finds."""
    engine, config = together.engine, together.config
    asked = config.aa
    assert asked is not None
    engine.run("CREATE OR REPLACE TEMP VIEW evaluated AS SELECT * FROM exposures WHERE by_user AND has_unit")
    score_requests(engine, config, reranked=False, only="SEMI JOIN evaluated USING (request)")
    data = describe(together)
    if data.units < _LEAST_UNITS:
        raise BadData(f"{data.units} units are too few to split", next_step=f"give logs of at least {_LEAST_UNITS}")
    values = {metric.label: unit_values(engine, mean_of(config, metric)) for metric in config.metrics()}
    found = resplit(values, splits=asked.splits, alpha=asked.alpha, seed=asked.seed)
    result = AaResult(
        lines=tuple(_line(label, each) for label, each in found.items()),
        splits=asked.splits,
        units=data.units,
        alpha=asked.alpha,
    )
    return report_on(
        together,
        data=data,
        integrity=together.integrity,
        decision=decide(Facts(data=data, integrity=together.integrity, found=result), config),
        aa=result,
    )


def _line(label: str, found: Resplits) -> AaLine:
    counts, _ = np.histogram(found.p_values, bins=_TWENTIETHS, range=(0.0, 1.0))
    return AaLine(
        metric=label,
        false_positives=found.false_positives,
        low=found.low,
        high=found.high,
        uniform=found.uniform,
        p_values=tuple(counts.tolist()),
        sound=found.sound,
    )
