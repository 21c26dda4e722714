"""Click rates either side of a change, held against what weekdays and days differ by anyway."""

import datetime
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from recsys.events.observed import Clicks, Day, Observed
from recsys.operations.doctor.finding import Case

__all__ = ["Compared", "compare"]

_LOOK_BACK_DAYS = 35
"""Five of each weekday."""
_ENOUGH_DAYS = 14
"""Two of each weekday, or one odd Sunday is all Sundays."""
_ENOUGH_ANSWERS = 50
"""A day with fewer says nothing of its weekday."""
_SUSPECT = 0.05
"""Only a fall that chance within the window hardly explains is worth reading five weeks for."""


class Usual(NamedTuple):
    """How days differ: each weekday's click rate over the mean one, and what is left of a day's beside that (relative
    standard deviation). ``days``: of how many days that is known.
    """

    factor: dict[int, float]
    noise: float
    days: int


class Compared(NamedTuple):
    """Two click rates. ``expected``: what the earlier one comes to on the weekdays of the later. ``p_value`` is
    two-sided, by the normal approximation; where days are known, their own noise counts as well.
    """

    before: Clicks
    now: Clicks
    expected: float
    p_value: float
    usual: Usual | None
    days_known: int

    @property
    def fell(self) -> float:
        """Return by which share the rate is below what was to be expected."""
        return 1 - self.now.rate / self.expected if self.expected else 0.0

    def evidence(self) -> dict[str, object]:
        """Return it as a finding's evidence."""
        return {
            "ctr_before": round(self.before.rate, 4),
            "ctr_now": round(self.now.rate, 4),
            "ctr_expected": round(self.expected, 4),
            "fell": round(self.fell, 3),
            "p_value": float(f"{self.p_value:.2g}"),
            "answers_before": self.before.answers,
            "answers_now": self.now.answers,
            "people_before": self.before.people,
            "people_now": self.now.people,
            "day_noise": None if self.usual is None else round(self.usual.noise, 4),
            "days_known": self.days_known,
        }

    def ruled_out(self) -> tuple[str, ...]:
        """Say that the weekday is not why, where that is known."""
        if self.usual is None:
            return ()
        return (f"the weekday: {self.expected:.3f} was to be expected, days differ by {self.usual.noise:.1%} besides",)


def compare(case: Case, surface: str, before: Sequence[int], since: Sequence[int]) -> Compared:
    """Compare the click rates of two sets of generations of a surface.

    Days before the change are read only when there is a fall that the window alone does not explain.
    """
    then, now = case.observed.clicks(surface, before), case.observed.clicks(surface, since)
    plain = Compared(then, now, then.rate, _p_value(then.rate - now.rate, then.variance + now.variance), None, 0)
    if plain.fell <= 0 or plain.p_value > _SUSPECT:
        return plain
    first = min(since)
    with Observed(case.store, case.tenant, since_s=case.now_s - _LOOK_BACK_DAYS * 86_400) as longer:
        known = [row.generation for row in longer.generations(surface) if row.generation < first]
        days = [day for day in longer.days(surface, known) if day.answers >= _ENOUGH_ANSWERS]
    usual = usual_of(days)
    if usual is None:
        return plain._replace(days_known=len(days))
    days_then, days_now = case.observed.days(surface, before), case.observed.days(surface, since)
    ratio = _mix(days_now, usual) / _mix(days_then, usual)
    expected = then.rate * ratio
    noise = (usual.noise * expected) ** 2 * (1 / max(1, len(days_then)) + 1 / max(1, len(days_now)))
    p_value = _p_value(expected - now.rate, then.variance * ratio**2 + now.variance + noise)
    return Compared(then, now, expected, p_value, usual, usual.days)


def usual_of(days: Sequence[Day]) -> Usual | None:
    """Return how days differ; ``None`` where too few are known, or nobody clicked."""
    answers, clicked = sum(day.answers for day in days), sum(day.clicked for day in days)
    if len(days) < _ENOUGH_DAYS or not clicked:
        return None
    by_weekday: defaultdict[int, list[Day]] = defaultdict(list)
    for day in days:
        by_weekday[_weekday(day)].append(day)
    factor = {
        weekday: sum(day.clicked for day in of) / sum(day.answers for day in of) * answers / clicked
        for weekday, of in by_weekday.items()
    }
    left = [
        (day.clicked / day.answers) / (clicked / answers * factor[_weekday(day)]) - 1
        for day in days
        if factor[_weekday(day)]
    ]
    freedom = max(1, len(left) - len(factor))
    return Usual(factor, math.sqrt(sum(one * one for one in left) / freedom), len(days))


def _mix(days: Sequence[Day], usual: Usual) -> float:
    """Return what the weekdays of some answers do to their click rate."""
    answers = sum(day.answers for day in days)
    return sum(day.answers * usual.factor.get(_weekday(day), 1.0) for day in days) / answers if answers else 1.0


def _weekday(day: Day) -> int:
    return datetime.date.fromisoformat(day.day).weekday()


def _p_value(difference: float, variance: float) -> float:
    """Return the two-sided p-value of a difference, by the normal approximation.

    People seen on both sides make the true variance smaller than the sum of the two: the test is then the stricter.
    """
    return math.erfc(abs(difference) / math.sqrt(variance) / math.sqrt(2)) if variance else 1.0
