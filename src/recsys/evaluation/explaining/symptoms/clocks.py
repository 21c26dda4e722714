"""Symptom: the clock of one log is in another zone, or off."""

from typing import TYPE_CHECKING

from recsys.evaluation.explaining.days import worst_stretch
from recsys.evaluation.explaining.finding import Finding, found, ruled_out
from recsys.evaluation.report import Report
from recsys.evaluation.words import percent

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_clocks"]

_QUARTER_MIN = 15.0
_GAP_MIN = 25.0
"""Not one click or view of a hundred sooner than this after its list: people act while they look."""
_EXPORTS = "ask whoever exports outcomes, and whoever exports exposures, whether `ts` is UTC: it needs Z or an offset"


def check_clocks(report: Report, logs: "Logs | None") -> Finding:
    """Report outcomes before their exposures, and a gap after them in which nobody acts."""
    check = next(check for check in report.integrity if check.name == "clocks")
    if check.state == "hold":
        return _early(report, logs)
    if logs is None:
        unseen = "whether outcomes come too late, by an hour or more: give --dataset"
        return ruled_out("clocks", check.sentence, unseen=unseen)
    soonest = logs.delay_min(0.01, early=False)
    if soonest is None or soonest < _GAP_MIN:
        return ruled_out("clocks", f"{check.sentence}, and the soonest follow within minutes")
    whole = _zone(soonest)
    return found(
        "clocks",
        f"nobody clicks or looks sooner than {soonest:.0f} minutes after the list was shown",
        evidence={"minutes to the soonest of a hundred clicks and views": round(soonest, 1)},
        first_bad_day=report.data.window_start[:10],
        last_bad_day=report.data.window_end[:10],
        requests=logs.matched_where("reason IS NULL"),
        cause=f"outcomes are stamped late, or exposures early{whole}",
        next_step=_EXPORTS,
        brings=("uncounted_outcomes",),
    )


def _early(report: Report, logs: "Logs | None") -> Finding:
    check = next(check for check in report.integrity if check.name == "clocks")
    evidence: dict[str, object] = {"outcomes before their exposure": check.value, "at most": check.threshold}
    first = last = None
    requests: tuple[str, ...] = ()
    cause = "the clocks of the two logs disagree"
    if logs:
        early = logs.early()
        stretch = worst_stretch(early.bad, early.total, usual=report.config.integrity.max_early_outcomes)
        if stretch:
            first, last = early.days[stretch.first], early.days[stretch.last]
            evidence["early outcomes on these days"] = f"{stretch.bad:,} of {stretch.total:,}"
            requests = logs.matched_where("by_user AND delay_us < 0", first, last)
        # Who acts at once is as early as the clock is off; who takes his time is less.
        typical, most = logs.delay_min(0.5, early=True), logs.delay_min(0.01, early=True)
        if typical is not None and most is not None:
            evidence["minutes before, typically and at most"] = [round(-typical, 1), round(-most, 1)]
            cause += _zone(-most)
    return found(
        "clocks",
        f"{percent(check.value)} of matched outcomes come before their exposure",
        evidence=evidence,
        first_bad_day=first,
        last_bad_day=last,
        requests=requests,
        cause=cause if logs else f"{cause}: {check.sentence}",
        next_step=_EXPORTS,
        brings=("uncounted_outcomes", "all_zero", "one_day"),
        unseen="" if logs else "since when, by how much, and which requests: give --dataset",
    )


def _zone(minutes: float) -> str:
    """Say that a gap has the shape of a time zone: near whole quarters of an hour; people take a few minutes of it."""
    quarters = round(minutes / _QUARTER_MIN)
    near = quarters * _QUARTER_MIN
    if quarters < 2 or abs(minutes - near) > 6:
        return ""
    return f", by {near / 60:g} h: one of the logs is in another time zone, or did not follow the summer time"
