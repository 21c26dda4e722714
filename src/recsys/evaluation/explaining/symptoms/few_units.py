"""Symptom: one unit, or very few, make up a metric."""

from typing import TYPE_CHECKING

from recsys.evaluation.experiment.results import Effect
from recsys.evaluation.explaining.finding import Finding, found, not_seen, ruled_out
from recsys.evaluation.report import Report
from recsys.evaluation.words import figure, percent, times

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs, Top

__all__ = ["check_few_units"]

_SHARES = {"requests": 0.1, "outcomes": 0.1, "value": 0.25}
"""What one unit may have of all of it. Money is spread the least evenly: of a hundred buyers one has a tenth."""
_TIMES_FAIR = 10
"""And as many times its fair share, which of few units is much."""
_LEAST = 20
"""Units of a log in which one may be too many; where fewer have any outcome, one may have half, and so few rows tell
nothing.
"""
_HALF = 0.5
_FEW = 2.0
"""As many units as a metric must be worth, at least, when one arm has many times as much of it as the other. Of counts,
what is five times another is worth four, so that this tells of amounts alone.
"""
_MANY_TIMES = 5.0


def check_few_units(report: Report, logs: "Logs | None") -> Finding:
    """Report a unit with a large share of requests, outcomes or money; from a report alone, a figure of few units."""
    if logs is None:
        return _by_error(report)
    tops = {what: logs.top_unit(what) for what in _SHARES}
    judged = {what: top for what, top in tops.items() if top is not None and top.rows >= _LEAST}
    above = {what: top for what, top in judged.items() if top.share > _most(what, top)}
    everybody = tops["requests"]
    if everybody is None or everybody.units < _LEAST:
        return not_seen("few_units", f"there are fewer than {_LEAST} units: each is a large share of them")
    if not above:
        shares = ", ".join(f"{percent(top.share)} of the {what}" for what, top in judged.items())
        return ruled_out("few_units", f"no unit has more than {shares}")
    what = max(above, key=lambda name: above[name].share / _SHARES[name])
    return _found(what, above[what], tops)


def _most(what: str, top: "Top") -> float:
    return max(_SHARES[what], _TIMES_FAIR / top.units) if top.units >= _LEAST else _HALF


def _found(what: str, top: "Top", tops: "dict[str, Top | None]") -> Finding:
    money = what == "value"
    return found(
        "few_units",
        f"one unit has {percent(top.share)} of the {what} of {times(top.units, 'unit')}",
        evidence={f"largest share of {name}": each.share for name, each in tops.items() if each is not None},
        first_bad_day=top.first_day,
        last_bad_day=top.last_day,
        requests=top.requests,
        cause=(
            "one purchase is not what people pay: another currency or cents, a test order, or a wholesaler"
            if money
            else "a robot, a test account, or an id that many people share (an empty or constant unit_id)"
        ),
        next_step=(
            "look at the value of these outcomes in the export; leave out what is no purchase, or lower "
            "experiment.winsorise"
            if money
            else "look these requests up; mark them `traffic: bot` or `internal` in the context, or leave them out"
        ),
        brings=("impossible_lift", "one_day", "novelty", "other_checks"),
    )


def _by_error(report: Report) -> Finding:
    """Tell from an effect's error how many units a figure is worth: of k units that have all of it and equally much,
    its square is k times that of the error.
    """
    effects = report.experiment.effects if report.experiment else ()
    for effect in effects:
        worth = _worth(effect)
        if worth is not None and worth < _FEW and _times(effect) >= _MANY_TIMES:
            return found(
                "few_units",
                f"{effect.metric} is {figure(effect.control)} in control and {figure(effect.candidate)} in "
                f"{effect.variant}, and by its error the larger one is made by {worth:.1f} units",
                evidence={"control": effect.control, effect.variant: effect.candidate, "error": effect.error},
                cause="one unit, or very few, have nearly all of it: a robot, a test order, another currency",
                next_step="find the unit: give --dataset",
                brings=("impossible_lift", "one_day", "novelty", "other_checks"),
                unseen="which requests: give --dataset",
            )
    if effects:
        said = "no figure that one arm has five times of is made by so few units that its error shows it"
        return ruled_out("few_units", said, unseen="the largest share of one unit: give --dataset")
    return not_seen("few_units", "no report says how much one unit has", unseen="the largest share: give --dataset")


def _times(effect: Effect) -> float:
    """Return how many times as much the larger arm has."""
    small, large = sorted((abs(effect.control), abs(effect.candidate)))
    return large / small if small > 0 else 0.0


def _worth(effect: Effect) -> float | None:
    largest = max(abs(effect.control), abs(effect.candidate))
    return (largest / effect.error) ** 2 if effect.error > 0 and largest > 0 else None
