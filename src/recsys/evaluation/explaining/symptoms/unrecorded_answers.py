"""Symptom: answers that the service gave and could not record."""

from typing import TYPE_CHECKING

from recsys.evaluation.explaining.days import worst_stretch
from recsys.evaluation.explaining.finding import Finding, found, not_seen, ruled_out
from recsys.evaluation.report import Report

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_unrecorded_answers"]


def check_unrecorded_answers(report: Report, logs: "Logs | None") -> Finding:
    """Report lost records by the service's own count, which its exposures carry."""
    check = next(check for check in report.integrity if check.name == "unrecorded")
    if check.state == "unmeasured":
        unseen = "log `unrecorded` in the exposures' context, as recsys serve does"
        return not_seen("unrecorded_answers", check.sentence, unseen=unseen)
    if check.state != "hold":
        return ruled_out("unrecorded_answers", check.sentence)
    first = last = None
    requests: tuple[str, ...] = ()
    if logs:
        lost = logs.unrecorded()
        stretch = worst_stretch(lost.bad, lost.total, usual=report.config.integrity.max_unrecorded)
        if stretch:
            first, last = lost.days[stretch.first], lost.days[stretch.last]
            requests = logs.lost_before(first, last)
    return found(
        "unrecorded_answers",
        check.sentence,
        evidence={"unrecorded": check.value, "at most": check.threshold},
        first_bad_day=first,
        last_bad_day=last,
        requests=requests,
        cause="a host's spool was full, or its disk or the store did not take the records",
        next_step="recsys status; then look at the disk of the hosts that served these requests, and the log of their "
        "writer",
        brings=("low_joins", "sample_ratio"),
        unseen="" if logs else "since when, and before which requests: give --dataset",
    )
