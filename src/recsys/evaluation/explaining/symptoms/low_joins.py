"""Symptom: outcomes whose exposure is not there."""

from typing import TYPE_CHECKING

from recsys.evaluation.explaining.days import Stretch, worst_stretch
from recsys.evaluation.explaining.finding import Finding, found, not_seen, ruled_out
from recsys.evaluation.parts import Day, Joins
from recsys.evaluation.report import Report
from recsys.evaluation.words import percent, times

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_low_joins"]

_NEARLY_NONE = 0.01


def check_low_joins(report: Report, logs: "Logs | None") -> Finding:
    """Report outcomes without exposure: too many over all, or on some days."""
    whole, least = report.joins, report.config.integrity.min_join_rate
    if whole.outcomes_matched is None:
        return not_seen("low_joins", "there is no outcome to join")
    days = [day for day in report.days if day.joins.outcomes]
    stretch = worst_stretch(
        [_unmatched(day.joins) for day in days], [day.joins.outcomes or 0 for day in days], usual=1 - least
    )
    seen = f"{percent(whole.outcomes_matched)} of {times(whole.outcomes or 0, 'outcome')} have their exposure"
    if stretch is None or (whole.outcomes_matched >= least and not stretch.sure):
        return ruled_out("low_joins", f"{seen}, and no day is far below {percent(least)}")
    first, last = days[stretch.first].day, days[stretch.last].day
    surface = _surface(report, logs, first, last)
    return found(
        "low_joins",
        f"{_said(stretch, first, last)}; over all {seen}",
        evidence={**_evidence(report, days, stretch), **(_in_data(logs, first, last) if logs else {})},
        first_bad_day=first,
        last_bad_day=last,
        stands_out=surface,
        requests=logs.unmatched(first, last) if logs else (),
        cause=_cause(report, days, stretch, surface),
        next_step=_next_step(first, last, surface, has_logs=logs is not None),
        brings=("all_zero", "uncounted_outcomes", "other_checks"),
        unseen="" if logs else "which requests, and by which event types: give --dataset",
    )


def _unmatched(joins: Joins) -> int:
    return round((joins.outcomes or 0) * (1 - (joins.outcomes_matched or 0.0)))


def _said(stretch: Stretch, first: str, last: str) -> str:
    when = f"on {first}" if first == last else f"from {first} to {last}"
    return f"{when}, {percent(stretch.bad / stretch.total)} of {times(stretch.total, 'outcome')} have no exposure"


def _evidence(report: Report, days: list[Day], stretch: Stretch) -> dict[str, object]:
    inside = range(stretch.first, stretch.last + 1)
    others = sum(day.joins.outcomes or 0 for number, day in enumerate(days) if number not in inside)
    unmatched = sum(_unmatched(day.joins) for number, day in enumerate(days) if number not in inside)
    evidence: dict[str, object] = {
        "outcomes_matched": report.joins.outcomes_matched,
        "at least": report.config.integrity.min_join_rate,
        "outcomes without exposure on these days": stretch.bad,
        "exposures of these days": sum(days[number].joins.exposures for number in inside),
    }
    if others:
        evidence["outcomes without exposure on other days"] = f"{unmatched:,} of {others:,}"
    return evidence


def _in_data(logs: "Logs", first: str, last: str) -> dict[str, object]:
    kinds = logs.unmatched_by("event_type", first, last)
    return {
        "by event type": {kind: f"{bad:,} of {total:,}" for kind, (bad, total) in kinds.items() if bad},
        "exposures of these days are called like": list(logs.exposures_on(first, last)[:2]),
    }


def _surface(report: Report, logs: "Logs | None", first: str, last: str) -> str | None:
    """Name the surface that loses its exposures while the others keep theirs."""
    if logs:
        shares = {name: bad / total for name, (bad, total) in logs.unmatched_by("surface", first, last).items()}
    else:
        slices = report.offline.slices if report.offline else ()
        shares = {
            each.value: 1 - each.joins.outcomes_matched
            for each in slices
            if each.key == "surface" and each.joins.outcomes_matched is not None
        }
    worst = max(shares, key=lambda name: shares[name], default=None)
    if worst is None or len(shares) < 2:
        return None
    rest = max(share for name, share in shares.items() if name != worst)
    return f"surface = {worst}" if shares[worst] > 2 * rest + 0.01 else None


def _cause(report: Report, days: list[Day], stretch: Stretch, surface: str | None) -> str:
    if (report.joins.outcomes_matched or 0.0) < _NEARLY_NONE:
        return "exposures and outcomes are of different logs or tenants, or one of them was given new request ids"
    if not any(days[number].joins.exposures for number in range(stretch.first, stretch.last + 1)):
        return "the exposures of these days are not in the dataset"
    if stretch.first == stretch.last == 0 and len(days) > 2:
        return "these outcomes are of lists that were shown before the window begins"
    if surface is not None:
        return f"the client of {surface.removeprefix('surface = ')} sends another request id than it was answered with"
    if stretch.last - stretch.first + 1 == len(days):
        return "a part of the exposures is never logged, or a client sends another request id than it was answered with"
    return (
        "a part of these days' exposures is not in the dataset: an export that was cut off, or a host whose log is lost"
    )


def _next_step(first: str, last: str, surface: str | None, *, has_logs: bool) -> str:
    when = first if first == last else f"{first} to {last}"
    where = f" of {surface}" if surface else ""
    look = "look one of the requests up: recsys why REQUEST_ID" if has_logs else "see which requests: give --dataset"
    return f"compare the exposure files{where} of {when} with what the hosts wrote (per host, per hour); {look}"
