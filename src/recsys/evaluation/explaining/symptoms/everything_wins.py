"""Symptom: one side wins everything, because only what was acted on is in its log."""

from typing import TYPE_CHECKING, NamedTuple

from recsys.evaluation.explaining.finding import Finding, found, not_seen, ruled_out
from recsys.evaluation.report import Report
from recsys.evaluation.words import percent, times

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_everything_wins"]

_ALL = 0.98
_NOT_ALL = 0.9
"""Shares of requests that led to more than a view. Lists are not acted on that often; a whole log has the others."""
_ENOUGH = 20

_CAUSE = (
    "exposures are logged only when somebody acts on them: a list nobody took from leaves no row, so every rate is 1"
)
_ASK = "ask whoever logs exposures: they are to be written when a list is shown, whatever comes of it"


class _Arm(NamedTuple):
    name: str
    share: float
    other: float
    requests: int
    """0: not known."""


def check_everything_wins(report: Report, logs: "Logs | None") -> Finding | None:
    """Report lists that seem all to be acted on, and a candidate that is better in all that is compared."""
    if report.experiment is not None:
        return _of_arms(report, logs)
    if report.mode == "offline" and report.data.lists == "reranked":
        return None
    # Requests that led to something relevant: of lists that were looked at, all may have an outcome in a healthy log.
    requests = report.data.requests
    share = report.data.requests_with_relevant / requests
    if share < _ALL or requests < _ENOUGH:
        return ruled_out("everything_wins", f"{percent(share)} of requests led to something: the others are logged too")
    outcome = report.joins.exposures_with_outcome
    first, last = report.data.window_start[:10], report.data.window_end[:10]
    return found(
        "everything_wins",
        f"{percent(share)} of {times(requests, 'request')} led to something",
        evidence={"requests that led to something": share, "exposures with any outcome": outcome},
        first_bad_day=first,
        last_bad_day=last,
        requests=logs.exposures_on(first, last) if logs else (),
        cause=_CAUSE,
        next_step=_ASK,
    )


def _of_arms(report: Report, logs: "Logs | None") -> Finding:
    assert report.experiment is not None
    arm = _by_data(logs) if logs else _by_rates(report)
    wins = _wins(report)
    if arm is None:
        said = f"{wins or 'no arm is better in all that is compared'}, and no arm's log holds only what was acted on"
        if logs is None and wins:
            return not_seen(
                "everything_wins", wins, unseen="whether both arms log what nobody acted on: give --dataset"
            )
        return ruled_out("everything_wins", said)
    return found(
        "everything_wins",
        f"{percent(arm.share)} of {arm.name}'s requests led to something, {percent(arm.other)} of the other arms'",
        evidence={
            "arm": arm.name,
            "requests that led to something": {arm.name: arm.share, "others": arm.other},
            "requests": arm.requests or None,
            "units": {each.variant: each.units for each in report.experiment.arms},
        },
        first_bad_day=report.data.window_start[:10],
        last_bad_day=report.data.window_end[:10],
        requests=logs.of_arm(arm.name, None, None) if logs else (),
        cause=f"in {arm.name}, {_CAUSE}",
        next_step=_ASK,
        brings=("sample_ratio", "impossible_lift", "one_day", "few_units", "novelty"),
        unseen="" if logs else "which requests: give --dataset",
    )


def _by_data(logs: "Logs") -> _Arm | None:
    counted = {arm: both for arm, both in logs.acted_on().items() if both[1] >= _ENOUGH}
    for arm, (acted, requests) in counted.items():
        others = [both for name, both in counted.items() if name != arm]
        whole = sum(total for _, total in others)
        if whole and acted / requests >= _ALL and sum(done for done, _ in others) / whole < _NOT_ALL:
            return _Arm(arm, acted / requests, sum(done for done, _ in others) / whole, requests)
    return None


def _by_rates(report: Report) -> _Arm | None:
    """Find an arm whose every request is clicked, by the rates that a report has."""
    assert report.experiment is not None
    for effect in report.experiment.effects:
        if effect.metric != "ctr:served" and not effect.metric.startswith("hitrate@"):
            continue
        sides = ((effect.variant, effect.candidate), (report.experiment.control, effect.control))
        (low, high) = sorted(sides, key=lambda side: side[1])
        if high[1] >= _ALL and low[1] < _NOT_ALL and effect.units >= _ENOUGH:
            return _Arm(high[0], high[1], low[1], 0)
    return None


def _wins(report: Report) -> str:
    """Say which candidate is better in all of several metrics, if one is."""
    assert report.experiment is not None
    for arm in report.experiment.arms:
        effects = [each for each in report.experiment.effects if each.variant == arm.variant]
        if len(effects) >= 3 and all(each.verdict == "better" for each in effects):
            return f"{arm.variant} is better in all of {len(effects)} metrics"
    return ""
