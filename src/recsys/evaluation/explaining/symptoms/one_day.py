"""Symptom: an effect that one day made."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from recsys.evaluation.experiment.results import DayEffect
from recsys.evaluation.explaining.finding import Finding, found, not_seen, ruled_out
from recsys.evaluation.report import Report
from recsys.evaluation.words import figure, span

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_one_day"]


class _Jump(NamedTuple):
    before: DayEffect
    after: DayEffect
    widths: float
    """How far outside of the day before's interval, in widths of that."""


def check_one_day(report: Report, logs: "Logs | None") -> Finding | None:
    """Report a day on which the effect up to then left, by more than its width, the interval of the day before.

    An interval that holds at every look is left so far by what changed, not by chance.
    """
    experiment = report.experiment
    if experiment is None:
        return None
    jump = _largest(experiment.by_time)
    if jump is None:
        return not_seen("one_day", "there are fewer than two days with all arms")
    if jump.widths < 1:
        return ruled_out("one_day", "up to each day, the effect is within what was known the day before")
    day, metric, arm = jump.after.at, jump.after.metric, jump.after.variant
    return found(
        "one_day",
        f"{metric} of {arm} went from {figure(jump.before.absolute)} up to {jump.before.at} to "
        f"{figure(jump.after.absolute)} up to {day}",
        evidence={
            f"interval up to {jump.before.at}": span(jump.before.interval, sign=True),
            "widths outside": jump.widths,
        },
        first_bad_day=day,
        last_bad_day=day,
        requests=logs.of_arm(arm, day, day) if logs else (),
        cause=f"something happened on {day} in one arm alone: a release, a price or currency, a campaign, a broken log",
        next_step=f"recsys releases list: what changed on {day}? else ask whoever exports that day; judge the days "
        "before and after it apart",
        brings=("impossible_lift", "novelty"),
        unseen="" if logs else "which requests: give --dataset",
    )


def _largest(by_time: Sequence[DayEffect]) -> _Jump | None:
    series: dict[tuple[str, str], list[DayEffect]] = {}
    for each in by_time:
        if each.kind == "cumulative":
            series.setdefault((each.variant, each.metric), []).append(each)
    jumps = [
        _Jump(before, after, _outside(before, after)) for days in series.values() for before, after in pairwise(days)
    ]
    return max(jumps, key=lambda jump: jump.widths, default=None)


def _outside(before: DayEffect, after: DayEffect) -> float:
    interval = before.interval
    width = interval.high - interval.low
    away = max(interval.low - after.absolute, after.absolute - interval.high, 0.0)
    return away / width if width > 0 else 0.0
