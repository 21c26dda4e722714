"""Symptom: one request id on several exposures."""

from typing import TYPE_CHECKING

from recsys.evaluation.explaining.finding import Finding, found, ruled_out
from recsys.evaluation.report import Report
from recsys.evaluation.words import percent, times

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_reused_request_ids"]


def check_reused_request_ids(report: Report, logs: "Logs | None") -> Finding:
    """Report request ids that occur more than once, and whether rows were copied or ids used again."""
    ids = report.data.duplicate_request_ids
    check = next(check for check in report.integrity if check.name == "duplicate_request_ids")
    if not ids:
        return ruled_out("reused_request_ids", "every request id occurs once")
    seen = f"{times(ids, 'request id')} on several exposures, {percent(check.value)} of all rows too many"
    if check.state != "hold":
        return ruled_out("reused_request_ids", f"{seen}; {percent(check.threshold)} may be")
    evidence: dict[str, object] = {"request ids": ids, "rows too many": check.value, "at most": check.threshold}
    cause = "a file is in the dataset twice, or a client uses a request id again"
    first = last = None
    if logs:
        first, last, copied = logs.reused()
        evidence["of the repeated rows, the same in all they say"] = copied
        cause = (
            "rows were copied: a file is in the dataset twice, or a writer tried again and both came through"
            if copied > 0.99
            else "a client uses a request id again for another list: one id was made for several calls"
            if copied < 0.01
            else cause
        )
    return found(
        "reused_request_ids",
        seen,
        evidence=evidence,
        first_bad_day=first,
        last_bad_day=last,
        requests=logs.reused_ids() if logs else (),
        cause=cause,
        next_step="find these ids in the files: in two files, leave one out; in one, ask whoever calls the service",
        brings=("crossovers",),
        unseen="" if logs else "which ids, since when, and whether rows were copied: give --dataset",
    )
