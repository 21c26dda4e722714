"""Symptom: metrics that are 0 everywhere, or in one arm."""

from typing import TYPE_CHECKING

from recsys.evaluation.explaining.finding import Finding, found, ruled_out
from recsys.evaluation.measuring.metrics import metric_named
from recsys.evaluation.report import Report
from recsys.evaluation.words import times

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_all_zero"]

_SURE = 0.001

_BY_REASON = {
    "no_exposure": ("no outcome has its exposure", "see low_joins"),
    "not_user_traffic": (
        "all outcomes are of requests marked as bots or internal",
        "ask whoever sets `traffic` in the context: people's requests say `user`, or nothing",
    ),
    "not_shown": (
        "outcomes are on items that their request did not show: the logs name items differently, or the client logs "
        "another list's clicks",
        "compare an outcome's item_id with the items of its exposure: recsys why REQUEST_ID",
    ),
    "before_shown": ("every outcome comes before its exposure", "see clocks"),
    "outside_window": (
        "outcomes come later than attribution.window_h after their exposure",
        "ask how long people take; raise attribution.window_h in the config, or mend the outcomes' clock",
    ),
}


def check_all_zero(report: Report, logs: "Logs | None") -> Finding:
    """Report figures that are 0 because nothing that happened counts for them."""
    zero, values = _zeros(report), _values(report)
    counting = next(check for check in report.integrity if check.name == "outcomes_counting")
    if not counting.value:
        reason = max(
            (drop for drop in report.drops if drop.reason in _BY_REASON),
            key=lambda drop: drop.outcomes,
        ).reason
        cause, next_step = _BY_REASON[reason]
        return found(
            "all_zero",
            f"none of {times(report.joins.outcomes or 0, 'outcome')} counts; most were dropped as {reason}",
            evidence={"outcomes dropped": {drop.reason: drop.outcomes for drop in report.drops if drop.outcomes}},
            requests=_dropped(logs, reason),
            cause=cause,
            next_step=next_step,
            brings=("uncounted_outcomes",),
            unseen="" if logs else "which requests: give --dataset",
        )
    if zero:
        return _of_events(report, logs, zero, counting=counting.value or 0.0)
    one_arm = _one_arm(report, logs)
    if one_arm is not None:
        return one_arm
    return ruled_out("all_zero", f"{times(int(counting.value or 0), 'outcome')} count, and {values} is above 0")


def _dropped(logs: "Logs | None", reason: str) -> tuple[str, ...]:
    if logs is None:
        return ()
    if reason == "no_exposure":
        return logs.unmatched()
    return logs.matched_where(f"reason = '{reason}'")


def _of_events(report: Report, logs: "Logs | None", zero: list[str], *, counting: float) -> Finding:
    needed = _needed(report, zero)
    evidence: dict[str, object] = {"0 everywhere": zero, "outcomes that count": counting, "they need": needed}
    if logs:
        kinds = logs.event_types()
        evidence["outcomes by event type"] = {kind: outcomes for kind, (outcomes, _) in kinds.items()}
        evidence["of them count"] = {kind: counted for kind, (_, counted) in kinds.items()}
    return found(
        "all_zero",
        f"{', '.join(zero)} {'is' if len(zero) == 1 else 'are'} 0 everywhere, and {counting:,.0f} outcomes count",
        evidence=evidence,
        requests=logs.matched_where("reason IS NULL") if logs else (),
        cause=f"what happened is of other event types than what is measured: that counts {' or '.join(needed)}",
        next_step="ask whoever writes outcomes which event_type a click and a purchase have; or measure what is logged "
        "(reward_event, relevance or the metrics in the config)",
        brings=("impossible_lift",),
        unseen="" if logs else "which event types there are: give --dataset",
    )


def _needed(report: Report, zero: list[str]) -> list[str]:
    """Name the event types that what is 0 counts."""
    config = report.config
    if report.mode == "ope":
        assert config.ope is not None
        return [config.ope.reward_event]
    if report.mode == "interleaving":
        assert config.interleaving is not None
        return [config.interleaving.reward_event]
    graded = [event for event, grade in config.relevance.items() if grade]
    needs = [metric_named(name).definition.needs for name in zero]
    return sorted({event for need in needs for event in ([need] if need else graded)})


def _zeros(report: Report) -> list[str]:
    """Name what is 0 wherever it was measured, of what an outcome can move."""
    if report.experiment is not None:
        effects = [each for each in report.experiment.effects if _moved_by_outcomes(each.metric)]
        moved = {each.metric for each in effects if each.control or each.candidate}
        return sorted({each.metric for each in effects} - moved)
    if report.offline is not None:
        rates = [each for each in report.offline.metrics if each.over == "served" and _moved_by_outcomes(each.metric)]
        return [each.metric for each in rates if each.value == 0]
    if report.interleaving is not None:
        return [] if report.interleaving.candidate_votes + report.interleaving.control_votes else ["votes"]
    if report.ope is not None:
        return [] if report.ope.logged else ["logged reward"]
    assert report.aa is not None
    # A metric of which all units have the same splits into equal halves: p is 1 each time.
    return [line.metric for line in report.aa.lines if line.p_values[-1] == report.aa.splits]


def _moved_by_outcomes(label: str) -> bool:
    return metric_named(label).family in ("ranking", "rate")


def _values(report: Report) -> str:
    if report.interleaving is not None:
        return "the number of votes"
    if report.ope is not None:
        return "what was earned"
    return "every metric that outcomes move"


def _one_arm(report: Report, logs: "Logs | None") -> Finding | None:
    """Report an arm in which nothing ever happens, while in the other it does."""
    for effect in report.experiment.effects if report.experiment else ():
        if not _moved_by_outcomes(effect.metric) or effect.p_fixed >= _SURE or (effect.control and effect.candidate):
            continue
        arm = effect.variant if not effect.candidate else report.experiment.control if report.experiment else ""
        return found(
            "all_zero",
            f"{effect.metric} of {arm} is 0, and of the other arm {max(effect.control, effect.candidate):.4g}",
            evidence={"control": effect.control, effect.variant: effect.candidate, "p": effect.p_fixed},
            requests=logs.of_arm(arm, None, None) if logs else (),
            cause=f"the client that shows {arm} sends no outcomes, or sends them with another request id",
            next_step=f"act on a list of {arm} yourself and see whether the outcome arrives; ask the client's owner",
            brings=("impossible_lift", "one_day"),
        )
    return None
