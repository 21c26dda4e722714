"""Symptom: most requests are not by people."""

from typing import TYPE_CHECKING

from recsys.evaluation.explaining.finding import Finding, found, ruled_out
from recsys.evaluation.report import Report
from recsys.evaluation.words import percent, times

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_bots"]

_MOST = 0.5


def check_bots(report: Report, _logs: "Logs | None") -> Finding:
    """Report traffic that was left out as bots' or our own, when it is most of all."""
    others, exposures = report.data.requests_not_by_users, report.joins.exposures
    share = others / exposures if exposures else 0.0
    if share <= _MOST:
        said = f"{times(others, 'request')} of {exposures:,} say that they are by bots or ours, and are left out"
        return ruled_out("bots", said, unseen="robots that do not say so: few_units looks for them")
    return found(
        "bots",
        f"{percent(share)} of {times(exposures, 'exposure')} say that they are by bots or ours, and are left out",
        evidence={"left out": others, "exposures": exposures},
        cause="a monitor or a crawler asks more than people do, or people are marked by mistake",
        next_step="ask whoever sets `traffic` in the context; if it is right, nothing is wrong: these are not judged",
    )
