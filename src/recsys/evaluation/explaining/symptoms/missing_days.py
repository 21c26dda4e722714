"""Symptom: days without any exposure inside the window."""

from datetime import date, timedelta
from statistics import median
from typing import TYPE_CHECKING

from recsys.evaluation.explaining.finding import Finding, found, ruled_out
from recsys.evaluation.report import Report
from recsys.evaluation.words import times

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_missing_days"]

_LEAST_USUAL = 20
"""Exposures of a usual day below which a day without one is no wonder: of 20, chance leaves none once in e²⁰ days."""


def check_missing_days(report: Report, _logs: "Logs | None") -> Finding:
    """Report days between the first and the last exposure on which nothing was shown."""
    shown = {day.day: day.joins.exposures for day in report.days}
    window = _days(report.data.window_start[:10], report.data.window_end[:10])
    usual = median(shown.get(day, 0) or 0 for day in window)
    missing = [day for day in window if not shown.get(day)]
    if not missing or usual < _LEAST_USUAL:
        return ruled_out("missing_days", f"exposures on each of {times(len(window), 'day')} of the window")
    return found(
        "missing_days",
        f"no exposure at all on {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}",
        evidence={"days without exposures": len(missing), "exposures of a usual day": usual},
        first_bad_day=missing[0],
        last_bad_day=missing[-1],
        cause="the export of that day failed, or its file is not among the paths of the dataset",
        next_step="list the files of that day and put them into the dataset's exposures; then run the evaluation again",
        brings=("low_joins", "missing_arm", "sample_ratio"),
    )


def _days(first: str, last: str) -> list[str]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]
