"""Counts of what people were answered, by arm, hour and day: what the operational look is made of.

Each hour, and each day, begins a test of its own, in which every unit counts once: so harm that begins late is seen
soon, and rare traffic adds up over a day. The error that is allowed is shared out over all of them.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, get_args

import msgspec

from recsys.operations.guard.wealth import Fallen, log_wealth
from recsys.releases.arm import Arm

__all__ = ["ALPHA", "CHECKS", "ArmCount", "Check", "Seen", "Standing", "Tally"]

Check = Literal["empty", "error", "fallback", "slow"]
CHECKS: tuple[Check, ...] = get_args(Check)
"""How an answer can be bad: without an item, with an error, from a lower rung than live, slower than may be."""

ALPHA = 1e-4
"""How often a candidate that does no harm is aborted for it at any look of its life, at most."""
_SPANS: tuple[tuple[str, int], ...] = (("hour", 3600), ("day", 86_400))
_MOST_UNITS = 200_000
"""Of one check in one hour or day, with a bad answer: what so many coins do not show, more would not."""
_ARMS: tuple[Arm, ...] = get_args(Arm)


class Seen(NamedTuple):
    """One answer that counts for an arm. ``at_s``: when, seconds since 1970. ``share``: of the candidate, then.
    ``unit``: a number that stands for who asked. ``bad``: what was bad about it.
    """

    at_s: float
    arm: Arm
    unit: int
    share: float
    bad: tuple[Check, ...] = ()


class ArmCount(msgspec.Struct, frozen=True, kw_only=True):
    """Of one arm: how many answers, how many of them were bad, and how many units had a bad one."""

    answers: int
    bad: int
    units: int

    @property
    def rate(self) -> float:
        """Share of answers that were bad."""
        return self.bad / self.answers if self.answers else 0.0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one check stands in one hour or day. ``wealth`` and ``needed`` are powers of ten: of what the bet on the
    candidate has become, and of what it must become for harm to be sure.
    """

    check: Check
    span: str
    since_s: float
    candidate: ArmCount
    control: ArmCount
    wealth: float
    needed: float

    @property
    def harmful(self) -> bool:
        """Whether the candidate does harm."""
        return self.wealth >= self.needed


class _Window:
    """One hour or day: counts, and who had a bad answer already."""

    __slots__ = ("answers", "bad", "fallen", "hit", "index", "span")

    def __init__(self, span: str, index: int) -> None:
        self.span, self.index = span, index
        self.answers: dict[Arm, int] = dict.fromkeys(_ARMS, 0)
        self.bad: dict[tuple[Check, Arm], int] = {}
        self.hit: dict[Check, set[int]] = {}
        self.fallen: dict[float, dict[Check, list[int]]] = {}
        """By share and check: units of the candidate, of control, and answers of units without a bad one before."""

    def add(self, seen: Seen) -> None:
        self.answers[seen.arm] += 1
        counts = self.fallen.get(seen.share)
        if counts is None:
            counts = self.fallen[seen.share] = {check: [0, 0, 0] for check in CHECKS}
        for check in CHECKS:
            hit = self.hit.get(check)
            if hit is None or (seen.unit not in hit and len(hit) < _MOST_UNITS):
                counts[check][2] += 1
        for check in seen.bad:
            self.bad[check, seen.arm] = self.bad.get((check, seen.arm), 0) + 1
            hit = self.hit.setdefault(check, set())
            if seen.unit not in hit and len(hit) < _MOST_UNITS:
                hit.add(seen.unit)
                counts[check][0 if seen.arm == "candidate" else 1] += 1

    def of(self, check: Check, arm: Arm) -> ArmCount:
        place = 0 if arm == "candidate" else 1
        units = sum(counts[check][place] for counts in self.fallen.values())
        return ArmCount(answers=self.answers[arm], bad=self.bad.get((check, arm), 0), units=units)


class Tally:
    """All that is counted of one candidate. It holds the units with a bad answer of this hour, the one before, and the
    day: nothing grows with the traffic.

    Parameters
    ----------
    began_s
        When the candidate began: from there hours and days are counted, and the error shared out, so that a guard that
        begins again comes to the same numbers.
    margin
        As for :func:`~recsys.operations.guard.wealth.log_wealth`.
    """

    def __init__(self, *, began_s: float, margin: float) -> None:
        self._began_s, self._margin = began_s, margin
        self._windows: dict[tuple[str, int], _Window] = {}
        self.last_s: dict[Arm, float] = {}
        """When each arm's newest answer was given."""

    def add(self, seen: Seen, *, now_s: float) -> None:
        """Count an answer; one from before the previous hour counts for its day alone, one of another day for none."""
        self.last_s[seen.arm] = max(seen.at_s, self.last_s.get(seen.arm, 0.0))
        if not 0 < seen.share < 1:
            return  # everybody has the candidate: there is no coin
        for span, length_s in _SPANS:
            index = math.floor(seen.at_s / length_s)
            if index not in _open(length_s, now_s):
                continue
            window = self._windows.get((span, index))
            if window is None:
                window = self._windows[span, index] = _Window(span, index)
            window.add(seen)

    def standings(self, *, now_s: float) -> tuple[Standing, ...]:
        """Return how every check stands in every open hour and day, the likeliest harm first; forgets the others."""
        lengths = dict(_SPANS)
        self._windows = {
            (span, index): window
            for (span, index), window in self._windows.items()
            if index in _open(lengths[span], now_s)
        }
        found = [
            self._standing(window, check, lengths[window.span]) for window in self._windows.values() for check in CHECKS
        ]
        return tuple(sorted(found, key=lambda one: one.wealth - one.needed, reverse=True))

    def _standing(self, window: _Window, check: Check, length_s: int) -> Standing:
        fallen = (Fallen(share, *counts[check]) for share, counts in window.fallen.items())
        number = max(1, window.index - math.floor(self._began_s / length_s) + 1)
        return Standing(
            check=check,
            span=window.span,
            since_s=float(window.index * length_s),
            candidate=window.of(check, "candidate"),
            control=window.of(check, "control"),
            wealth=log_wealth(fallen, margin=self._margin) / math.log(10),
            needed=_needed(number),
        )


def read_from_s(now_s: float) -> float:
    """Return the beginning of all that is open: what must be read for the counts to be whole."""
    return min(min(_open(length_s, now_s)) * length_s for _, length_s in _SPANS)


def _open(length_s: int, now_s: float) -> tuple[int, ...]:
    """Return the hours or days that still count: of hours the one before too, for what comes late."""
    now = math.floor(now_s / length_s)
    return (now, now - 1) if length_s < 86_400 else (now,)


def _needed(number: int) -> float:
    """Return the power of ten at which the ``number``-th hour or day is sure: each has a part of α, all together α."""
    tests = len(_SPANS) * len(CHECKS) * number * (number + 1)
    return math.log10(tests / ALPHA)


def strongest(standings: Iterable[Standing]) -> Mapping[Check, Standing]:
    """Return of each check the one that is nearest to harm."""
    found: dict[Check, Standing] = {}
    for one in standings:
        found.setdefault(one.check, one)
    return found
