"""Symptom: the same unit in several arms."""

from typing import TYPE_CHECKING

from recsys.evaluation.explaining.days import worst_stretch
from recsys.evaluation.explaining.finding import Finding, found, ruled_out
from recsys.evaluation.report import Report

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_crossovers"]


def check_crossovers(report: Report, logs: "Logs | None") -> Finding | None:
    """Report units that were given another arm than their first."""
    experiment = report.experiment
    if experiment is None:
        return None
    check = next(check for check in report.integrity if check.name == "crossovers")
    if check.state != "hold":
        return ruled_out("crossovers", check.sentence)
    first = last = None
    requests: tuple[str, ...] = ()
    if logs and check.threshold is not None:
        crossed = logs.crossed()
        stretch = worst_stretch(crossed.bad, crossed.total, usual=check.threshold)
        if stretch:
            first, last = crossed.days[stretch.first], crossed.days[stretch.last]
            requests = logs.crossed_on(first, last)
    asked = report.config.experiment
    unit = asked.unit if asked else "unit"
    return found(
        "crossovers",
        check.sentence,
        evidence={"units in several arms": experiment.crossovers, "share": check.value, "at most": check.threshold},
        first_bad_day=first,
        last_bad_day=last,
        requests=requests,
        cause=f"units are drawn anew: the salt or the shares changed meanwhile, or people share or change their {unit}",
        next_step=f"recsys releases list: did a config change it{f' on {first}' if first else ''}? else ask "
        f"what {unit} is made of; then begin anew under a new id",
        brings=("sample_ratio",),
        unseen="" if logs else "since when, and which requests: give --dataset",
    )
