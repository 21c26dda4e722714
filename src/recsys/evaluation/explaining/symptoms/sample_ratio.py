"""Symptom: the arms did not get the shares of units that they were meant to get."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from recsys.evaluation.experiment.results import ExperimentResult, RatioLine
from recsys.evaluation.explaining.days import worst_stretch
from recsys.evaluation.explaining.finding import Finding, found, ruled_out
from recsys.evaluation.explaining.symptoms.missing_arm import first_days
from recsys.evaluation.parts import Check
from recsys.evaluation.report import Report
from recsys.evaluation.words import percent, times

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_sample_ratio"]

_SEEN = 0.01
"""The p-value below which a slice shows the mismatch by itself, and above which the others of its key do not."""


class _Large(NamedTuple):
    """The arm that is farthest above its share."""

    arm: str
    share: float
    meant: float


def check_sample_ratio(report: Report, logs: "Logs | None") -> Finding | None:
    """Report units per arm, or lists begun per team, that the declared shares do not explain."""
    if report.interleaving is not None:
        return _coin(next((check for check in report.integrity if check.name == "coin"), None))
    experiment = report.experiment
    if experiment is None:
        return None
    check = next(check for check in report.integrity if check.name == "sample_ratio")
    if check.state != "hold":
        return ruled_out("sample_ratio", check.sentence)
    large = _large(experiment)
    slice_ = _slice(experiment)
    days: Mapping[str, Mapping[str, int]] = logs.arm_units(slice_=slice_) if logs else first_days(experiment)
    first, last, told = _since(days, large)
    return found(
        "sample_ratio",
        f"{large.arm} has {percent(large.share)} of the units and was to get {percent(large.meant)}",
        evidence={
            "units": {arm.variant: arm.units for arm in experiment.arms},
            "p": check.value,
            "p at any look": experiment.sample_ratio[0].p_sequential,
            **({f"{large.arm} on these days{f', {slice_}' if slice_ else ''}": told} if told else {}),
        },
        first_bad_day=first,
        last_bad_day=last,
        stands_out=slice_,
        requests=logs.of_arm(large.arm, first, last, slice_=slice_) if logs else (),
        cause=_cause(report, large, slice_, first),
        next_step=_next_step(slice_, first),
        brings=("impossible_lift", "novelty"),
        unseen="" if logs else "which requests: give --dataset",
    )


def _large(experiment: ExperimentResult) -> _Large:
    whole = sum(arm.units for arm in experiment.arms) or 1
    arms = [_Large(arm.variant, arm.units / whole, arm.meant_share) for arm in experiment.arms]
    return max(arms, key=lambda arm: arm.share - arm.meant)


def _since(days: Mapping[str, Mapping[str, int]], large: _Large) -> tuple[str | None, str | None, str]:
    """Return the days in a row on which the arm is most surely too large, and what it had then."""
    names = sorted(days)
    got = [days[day].get(large.arm, 0) for day in names]
    whole = [sum(days[day].values()) for day in names]
    stretch = worst_stretch(got, whole, usual=large.meant)
    if stretch is None:
        return None, None, ""
    told = f"{times(stretch.bad, 'unit')} of {stretch.total:,} ({percent(stretch.bad / stretch.total)})"
    return names[stretch.first], names[stretch.last], told


def _slice(experiment: ExperimentResult) -> str | None:
    """Name the slice that shows the mismatch alone: it does, and no other of its key does."""
    lines = [line for line in experiment.sample_ratio[1:] if not line.part.startswith("day ")]
    by_key: dict[str, list[RatioLine]] = {}
    for line in lines:
        by_key.setdefault(line.part.partition(" = ")[0], []).append(line)
    alone = []
    for of_key in by_key.values():
        worst, *others = sorted(of_key, key=lambda line: line.p)
        if others and worst.p < _SEEN <= min(line.p for line in others):
            alone.append(worst)
    return min(alone, key=lambda line: line.p).part if alone else None


def _cause(report: Report, large: _Large, slice_: str | None, first: str | None) -> str:
    if large.meant == 0:
        return f"{large.arm} was to get no unit: it is not among experiment.variants, or another experiment has this id"
    where = f" on {slice_}" if slice_ else ""
    if first is None or first <= report.data.window_start[:10]:
        return (
            f"from the start{where}, units are sorted by other shares than declared, or the other arm loses units (its "
            "answers fail, redirect, or are logged later)"
        )
    return (
        f"something changed{where} on {first}: the shares were set anew, a release went out, or one arm began to lose "
        "its log or its users"
    )


def _next_step(slice_: str | None, first: str | None) -> str:
    where = f" of {slice_}" if slice_ else ""
    since = f" on {first}" if first else ""
    return (
        f"compare experiment.variants with what was in force (recsys releases list), and ask what went out{where}"
        f"{since}; dividing by the shares does not mend it: begin anew under a new id"
    )


def _coin(check: Check | None) -> Finding | None:
    if check is None:
        return None
    if check.state != "hold":
        return ruled_out("sample_ratio", check.sentence)
    return found(
        "sample_ratio",
        check.sentence,
        evidence={"p": check.value},
        cause="who picks first is not drawn by an even coin, or one team's lists are not all logged",
        next_step="ask who draws the teams: the coin is seeded by the request id, and every list is logged",
        unseen="since when, and where: no report of an interleaving tells",
    )
