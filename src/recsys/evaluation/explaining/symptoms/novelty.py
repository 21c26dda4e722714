"""Symptom: an effect that wears off."""

from typing import TYPE_CHECKING

from recsys.evaluation.experiment.results import DayEffect, ExperimentResult
from recsys.evaluation.explaining.finding import Finding, found, not_seen, ruled_out
from recsys.evaluation.report import Report
from recsys.evaluation.words import figure, span

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_novelty"]

_LEAST_UNITS = 100
"""Units that came back; fewer say nothing of those who did not."""


def check_novelty(report: Report, _logs: "Logs | None") -> Finding | None:
    """Report an effect on the day of the first assignment that those who come back later do not show."""
    experiment = report.experiment
    if experiment is None:
        return None
    pairs = _pairs(experiment)
    if not pairs:
        return not_seen("novelty", f"fewer than {_LEAST_UNITS} units came back on a later day")
    for first, later in pairs:
        up = first.interval.low > 0 and later.interval.high < first.interval.low
        down = first.interval.high < 0 and later.interval.low > first.interval.high
        if up or down:
            return found(
                "novelty",
                f"{first.metric} of {first.variant} is {figure(first.absolute)} on a unit's first day and "
                f"{figure(later.absolute)} on days {later.at}",
                evidence={
                    "first day": span(first.interval, sign=True),
                    f"days {later.at}": span(later.interval, sign=True),
                    "units that came back": later.units,
                },
                cause="people try what is new, or have to get used to it: what lasts is the later effect",
                brings=("impossible_lift",),
                next_step="let it run until most units are past their first week, and judge the later days",
            )
    return ruled_out(
        "novelty", "those who come back later show what they showed on their first day, or both are unsure"
    )


def _pairs(experiment: ExperimentResult) -> list[tuple[DayEffect, DayEffect]]:
    """Return the effect on the first day beside the latest one of enough units, for every candidate and metric."""
    pairs = []
    since = [each for each in experiment.by_time if each.kind == "since_first"]
    for first in (each for each in since if each.at == "0"):
        later = [
            each
            for each in since
            if (each.variant, each.metric) == (first.variant, first.metric)
            and each.at != "0"
            and each.units >= _LEAST_UNITS
        ]
        if later:
            pairs.append((first, later[-1]))
    return pairs
