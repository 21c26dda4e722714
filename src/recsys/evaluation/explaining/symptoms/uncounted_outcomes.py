"""Symptom: outcomes have their exposure, and most do not count for it."""

from typing import TYPE_CHECKING

from recsys.evaluation.explaining.days import worst_stretch
from recsys.evaluation.explaining.finding import Finding, found, ruled_out
from recsys.evaluation.report import Report
from recsys.evaluation.words import percent, times

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_uncounted_outcomes"]

_MOST = 0.5
"""Share of matched outcomes that may be dropped for one reason: beyond it, more is left out than is judged."""

_SAID = {
    "not_shown": (
        "on an item its request did not show",
        "the two logs name items differently (parent and variant, another catalogue), or clicks elsewhere on the page "
        "carry this request id",
        "compare an outcome's item_id with the items of its exposure; attribution.require_shown: false counts them all",
    ),
    "outside_window": (
        "later than attribution.window_h",
        "people take longer than the window, or the outcomes' clock is off",
        "ask how long people take; raise attribution.window_h in the config",
    ),
}


def check_uncounted_outcomes(report: Report, logs: "Logs | None") -> Finding:
    """Report outcomes that are dropped for what they are on, or when they come."""
    dropped = {drop.reason: drop.outcomes for drop in report.drops}
    matched = (report.joins.outcomes or 0) - dropped.get("no_exposure", 0)
    reason = max(_SAID, key=lambda name: dropped.get(name, 0))
    share = dropped.get(reason, 0) / matched if matched else 0.0
    said, cause, next_step = _SAID[reason]
    if share <= _MOST:
        seen = f"{percent(share)} of matched outcomes are {said}" if share else "matched outcomes are on what was shown"
        return ruled_out("uncounted_outcomes", seen)
    first = last = None
    if logs:
        days = logs.dropped(reason)
        stretch = worst_stretch(days.bad, days.total, usual=_MOST)
        if stretch:
            first, last = days.days[stretch.first], days.days[stretch.last]
    return found(
        "uncounted_outcomes",
        f"{percent(share)} of {times(matched, 'matched outcome')} are {said}",
        evidence={"dropped": {name: outcomes for name, outcomes in dropped.items() if outcomes}},
        first_bad_day=first,
        last_bad_day=last,
        requests=logs.matched_where(f"reason = '{reason}'", first, last) if logs else (),
        cause=cause,
        next_step=next_step,
        brings=("all_zero",),
        unseen="" if logs else "since when, and which requests: give --dataset",
    )
