"""Walks the symptoms, in an order in which what makes everything else meaningless comes first."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from recsys.evaluation.config import Mode
from recsys.evaluation.explaining.finding import Finding, Symptom
from recsys.evaluation.explaining.symptoms.all_zero import check_all_zero
from recsys.evaluation.explaining.symptoms.bots import check_bots
from recsys.evaluation.explaining.symptoms.clocks import check_clocks
from recsys.evaluation.explaining.symptoms.crossovers import check_crossovers
from recsys.evaluation.explaining.symptoms.everything_wins import check_everything_wins
from recsys.evaluation.explaining.symptoms.few_units import check_few_units
from recsys.evaluation.explaining.symptoms.impossible_lift import check_impossible_lift
from recsys.evaluation.explaining.symptoms.low_joins import check_low_joins
from recsys.evaluation.explaining.symptoms.missing_arm import check_missing_arm
from recsys.evaluation.explaining.symptoms.missing_days import check_missing_days
from recsys.evaluation.explaining.symptoms.novelty import check_novelty
from recsys.evaluation.explaining.symptoms.one_day import check_one_day
from recsys.evaluation.explaining.symptoms.other_checks import check_others
from recsys.evaluation.explaining.symptoms.reused_request_ids import check_reused_request_ids
from recsys.evaluation.explaining.symptoms.sample_ratio import check_sample_ratio
from recsys.evaluation.explaining.symptoms.uncounted_outcomes import check_uncounted_outcomes
from recsys.evaluation.explaining.symptoms.unrecorded_answers import check_unrecorded_answers
from recsys.evaluation.explaining.symptoms.weights import check_weights
from recsys.evaluation.parts import Outcome, Part
from recsys.evaluation.reading.dataset import Dataset
from recsys.evaluation.report import Report, read_report
from recsys.progress import Progress, silent

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["SYMPTOMS", "Explanation", "explain"]

SYMPTOMS: Mapping[Symptom, Callable[[Report, "Logs | None"], Finding | None]] = {
    "missing_days": check_missing_days,
    "missing_arm": check_missing_arm,
    "everything_wins": check_everything_wins,
    "low_joins": check_low_joins,
    "reused_request_ids": check_reused_request_ids,
    "unrecorded_answers": check_unrecorded_answers,
    "clocks": check_clocks,
    "all_zero": check_all_zero,
    "uncounted_outcomes": check_uncounted_outcomes,
    "crossovers": check_crossovers,
    "sample_ratio": check_sample_ratio,
    "weights": check_weights,
    "few_units": check_few_units,
    "one_day": check_one_day,
    "novelty": check_novelty,
    "impossible_lift": check_impossible_lift,
    "bots": check_bots,
    "other_checks": check_others,
}
"""First whether the rows are there at all, then whether they meet and count, then whether the arms may be compared,
then whether the figures are made by many, and last what is strange and may be true. One that is not asked of a mode
returns nothing.
"""


class Explanation(Part, frozen=True, kw_only=True):
    """Why an evaluation looks wrong: what was found, causes before what follows from them; what was ruled out; what
    could not be told. ``with_data``: whether the data was looked at, or the report alone.
    """

    mode: Mode
    outcome: Outcome
    rule: str
    window: tuple[str, str]
    with_data: bool
    healthy: bool
    findings: tuple[Finding, ...]
    ruled_out: tuple[Finding, ...]
    not_seen: tuple[Finding, ...]
    most_likely: str


def explain(
    report: Report | str | Path | bytes,
    *,
    dataset: str | Path | Mapping[str, Any] | Dataset | None = None,
    progress: Progress = silent,
) -> Explanation:
    """Look for what makes a report look wrong.

    Parameters
    ----------
    report
        A report of any mode, or its JSON.
    dataset
        The dataset it was made of. With it the data is counted again by day and arm, and request ids are named.
    progress
        Told which stage is under way.

    Raises
    ------
    Invalid, BadData
        When it is no JSON report, or the data cannot be read.
    DataChanged
        When the data is not what the report was made of.
    """
    read = report if isinstance(report, Report) else read_report(report)
    if dataset is None:
        return _explained(read, [check(read, None) for check in SYMPTOMS.values()], with_data=False)
    from recsys.evaluation.explaining.logs import open_logs

    with open_logs(read, dataset, progress=progress) as logs, progress("look"):
        return _explained(read, [check(read, logs) for check in SYMPTOMS.values()], with_data=True)


def _explained(report: Report, asked: Sequence[Finding | None], *, with_data: bool) -> Explanation:
    said = [finding for finding in asked if finding is not None]
    findings = causes_first([finding for finding in said if finding.verdict == "found"])
    return Explanation(
        mode=report.mode,
        outcome=report.decision.outcome,
        rule=report.decision.rule,
        window=(report.data.window_start, report.data.window_end),
        with_data=with_data,
        healthy=not findings,
        findings=findings,
        ruled_out=tuple(finding for finding in said if finding.verdict == "ruled_out"),
        not_seen=tuple(finding for finding in said if finding.verdict == "not_seen"),
        most_likely=_most_likely(report, findings, with_data=with_data),
    )


def causes_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Put what follows from an earlier finding after those that follow from nothing.

    What began before its supposed cause does not follow from it.
    """
    causes: list[Finding] = []
    follows: list[Finding] = []
    for finding in findings:
        cause = next((each for each in causes if finding.symptom in each.brings and not _earlier(finding, each)), None)
        if cause is None:
            causes.append(finding)
        else:
            follows.append(msgspec.structs.replace(finding, follows_from=cause.symptom))
    return (*causes, *follows)


def _earlier(finding: Finding, cause: Finding) -> bool:
    began, since = finding.first_bad_day, cause.first_bad_day
    return began is not None and since is not None and began < since


def _most_likely(report: Report, findings: Sequence[Finding], *, with_data: bool) -> str:
    if not findings:
        seen = "nothing is wrong with the data" if with_data else "nothing in the report speaks against its data"
        return f"{seen}. {report.decision.what_to_do}"
    first = findings[0]
    where = ", ".join(part for part in (first.stands_out, first.first_bad_day) if part)
    return f"{first.cause} ({first.symptom}{f'; {where}' if where else ''})"
