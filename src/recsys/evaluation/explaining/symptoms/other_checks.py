"""Symptom: what else a mode checks of itself, and holds for."""

from typing import TYPE_CHECKING

from recsys.evaluation.explaining.finding import Finding, found, ruled_out
from recsys.evaluation.report import Report

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_others"]

_BY_CHECK = {
    "assignments_matched": (
        "assignments are logged where no list was shown, or exposures are lost after the assignment",
        "compare the two logs for one day and one host; log the assignment where the list is answered",
    ),
    "complement": (
        "whether an assigned unit is shown anything depends on its arm: an arm that fails, or is slower",
        "recsys doctor; then judge all that were assigned (the `diluted` lines), not those that were served",
    ),
    "clocks_by_arm": (
        "the clock of what one arm's clients or hosts write is off",
        "compare the times of one request's exposure and outcome in that arm: recsys why REQUEST_ID",
    ),
    "assignment_clocks": (
        "assignments are written by another clock than exposures, or only after the answer",
        "write the assignment where the list is answered, with the same clock",
    ),
    "assignments_agree": (
        "the assignments are of another experiment or another salt than what was served",
        "take the assignments that the service wrote with its exposures, or leave the role out",
    ),
    "repeated_outcomes": (
        "a file of outcomes is read twice, or a client sends an event again under another id",
        "look for a file that is there twice; give every outcome one event_id that stays the same when sent again",
    ),
    "conversions_valued": (
        "a part of the shop writes conversions without their value",
        "ask whoever writes outcomes; until then judge conversions and not money",
    ),
    "lists_known": (
        "lists of the interleaving are logged without their teams, or of other teams",
        "export items and decision as they were logged; name the experiment_id",
    ),
    "enough_units": ("it is early: a few units can show anything", "wait for more units"),
    "aa": (
        "the metric is rare, or a few units make most of it, so the test of experiments does not hold for it",
        "take another metric, cap it, or wait for more units; do not decide on it meanwhile",
    ),
}

_ELSEWHERE = {
    *("outcomes_matched", "duplicate_request_ids", "unrecorded", "clocks", "outcomes_counting"),
    *("sample_ratio", "coin", "crossovers", "possible_lift", "same_days", "arms_measured"),
    *("unsupported", "clipped", "mean_weight", "effective_sample", "largest_weight"),
}
"""Checks that a symptom of their own looks at."""


def check_others(report: Report, _logs: "Logs | None") -> Finding | None:
    """Report the checks that belong to no other symptom, those too that this room does not know yet."""
    if report.aa is not None:
        unsound = [line.metric for line in report.aa.lines if not line.sound]
        if not unsound:
            return ruled_out("other_checks", "the test of every metric finds as much as chance")
        return _found(f"the test of {', '.join(unsound)} finds too much or too little", "aa", dict.fromkeys(unsound))
    asked = [check for check in report.integrity if check.name not in _ELSEWHERE]
    holding = [check for check in asked if check.state == "hold"]
    if holding:
        return _found(holding[0].sentence, holding[0].name, {check.name: check.value for check in holding})
    return ruled_out("other_checks", asked[0].sentence) if asked else None


def _found(said: str, name: str, evidence: dict[str, float | None]) -> Finding:
    cause, next_step = _BY_CHECK.get(name, ("the data cannot be trusted", "see the check in the report"))
    return found("other_checks", said, evidence=evidence, cause=cause, next_step=next_step)
