"""Symptom: an arm is not in the log on some days on which the other arms are."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from recsys.evaluation.experiment.results import ExperimentResult
from recsys.evaluation.explaining.finding import Finding, found, not_seen, ruled_out
from recsys.evaluation.report import Report
from recsys.evaluation.words import times

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_missing_arm"]

_CHANCE = 1e-4
"""That an arm gets none of a day's units although it was to have its share."""


class _Missing(NamedTuple):
    arm: str
    days: tuple[str, ...]
    others: int


def check_missing_arm(report: Report, logs: "Logs | None") -> Finding | None:
    """Report an arm with no unit on a day on which, by its share, it must have some.

    A report knows units by the day of their first assignment; the data also who came back.
    """
    experiment = report.experiment
    if experiment is None:
        return None
    missing = _missing(logs.arm_units_served() if logs else first_days(experiment), experiment)
    if missing is None:
        unseen = "" if logs else "days on which nobody was new: give --dataset"
        seen = ruled_out if logs or len(first_days(experiment)) > 1 else not_seen
        return seen("missing_arm", "every arm has units on every day that has enough of them", unseen=unseen)
    first, last = missing.days[0], missing.days[-1]
    cause = f"the log of {missing.arm} was not written or not exported on that day"
    if first == report.data.window_start[:10]:
        cause = f"{missing.arm} began later than the others, or its first log is not in the dataset"
    return found(
        "missing_arm",
        f"{missing.arm} has no unit on {_listed(missing.days)}; the other arms have {times(missing.others, 'unit')}",
        evidence={"arm": missing.arm, "days without it": list(missing.days), "units of the other arms": missing.others},
        first_bad_day=first,
        last_bad_day=last,
        requests=logs.unmatched(first, last) if logs else (),
        cause=cause,
        next_step=f"ask whoever writes the log of {missing.arm} for {_listed(missing.days)}; if it is lost, begin the "
        "window after it, for all arms alike",
        brings=("low_joins", "sample_ratio", "one_day", "impossible_lift", "unrecorded_answers", "other_checks"),
        unseen="" if logs else "which requests: give --dataset",
    )


def first_days(experiment: ExperimentResult) -> dict[str, dict[str, int]]:
    """Return units by the day of their first assignment and by arm."""
    return {
        line.part.removeprefix("day "): line.units for line in experiment.sample_ratio if line.part.startswith("day ")
    }


def _missing(days: Mapping[str, Mapping[str, int]], experiment: ExperimentResult) -> _Missing | None:
    worst: _Missing | None = None
    for arm in experiment.arms:
        if not 0 < arm.meant_share < 1:
            continue
        without = {
            day: sum(units.values())
            for day, units in days.items()
            if not units.get(arm.variant) and (1 - arm.meant_share) ** sum(units.values()) < _CHANCE
        }
        if without and (worst is None or sum(without.values()) > worst.others):
            worst = _Missing(arm.variant, tuple(sorted(without)), sum(without.values()))
    return worst


def _listed(days: tuple[str, ...]) -> str:
    return days[0] if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"
