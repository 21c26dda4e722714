"""What canonical events have to look like: each check with its threshold, its severity and its sentence.

The newest days are judged against the days before them: what a run adds is what can be wrong with it.
"""

import datetime
from collections.abc import Callable, Iterator, Mapping

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from recsys.pipelines.engine import Engine, day_number
from recsys.pipelines.rundir import Finding, Ingested, Severity

__all__ = ["Thresholds", "check_events"]

NEW_DAYS = 7
"""Days at the end of the window that are judged one by one; a run is seldom more than a week late."""
BEFORE_DAYS = 28
"""Days before a day that it is held against: four of each weekday."""
ENOUGH_DAYS = 7
"""Days with events that must lie before a day, or nothing is known to hold it against."""
ENOUGH_EVENTS = 50
"""Events a day has as a rule, or chance alone makes it small or large."""
ENOUGH_PEOPLE = 20
"""With fewer, one of them is always a large part."""

ENOUGH_VISITS = 60
"""People of a day, counted once an hour: with fewer, chance alone moves its hours."""

_ALL = "events"
_BUSIEST = ("day", "people", "most", "events")
_Seen = tuple[float, str]
"""A value, and what it says where it is too small or too large."""
_Days = npt.NDArray[np.int64]


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where on a check fails.

    Shares lie in 0..1. ``low_volume``, ``high_volume``: a day's events over the median of the days before it.
    ``clock_gain``: how much more the people of a day, by hour, resemble those of the days before when the clock is
    moved (difference of cosines).
    """

    unknown_item_share: float = 0.5
    """Items leave the catalogue while their events are young; when most have, it is another shop's catalogue."""
    low_volume: float = 0.2
    """A holiday is a third of a day; less is an export that broke off."""
    high_volume: float = 5.0
    """The best day of a sale is three or four times the usual."""
    repeated_share: float = 0.2
    """Of a day's events; a day loaded twice has 0.5. Shops that note a unit a line repeat a few in a hundred."""
    clock_gain: float = 0.1
    """No day of a real shop has as much by itself (240 days, at most 0.06); three hours make more on 49 days of 50."""
    clock_gain_warned: float = 0.05
    """Two hours make more on nine days of ten; without, one day of 240 has."""
    top_user_share: float = 0.25
    """No customer is a quarter of a shop. A robot is, or an id that stands for `unknown`."""
    top_user_day_share: float = 0.4
    """Of one new day, which a window hides. On 304 days of a real shop that sells wholesale, at most 0.27."""
    anonymous_share: float = 0.95
    """Above it hardly anybody is known: signals that need users have little to go by."""
    outside_share: float = 0.5
    """Rows outside the window: more than half makes it likely that another window was meant."""
    duplicate_share: float = 0.3
    """Rows dropped because their event id came before: files that overlap this much were given twice."""


def check_events(
    engine: Engine, made: Ingested, *, unknown: tuple[int, int] | None, limits: Thresholds
) -> list[Finding]:
    """Judge the events of a run.

    Parameters
    ----------
    engine
        With the canonical partitions open.
    unknown
        How many of the events' items the catalogue does not know, and how many they are; ``None`` without a catalogue.
    """
    days = _Window(engine, made)
    found = [
        *_shares(made.counts, limits),
        *_top_user(engine, limits),
        *days.ending(),
        *days.busiest(engine, limits),
        *days.volumes(limits),
        *days.repeats(engine, limits),
        *days.clocks(engine, limits),
    ]
    if unknown is not None:
        said = f"{unknown[0]} of {unknown[1]} items of the events are not in the catalogue: is it this shop's?"
        share = unknown[0] / unknown[1]
        ok = share <= limits.unknown_item_share
        found.insert(0, Finding.of("unknown_item_share", share, limits.unknown_item_share, said, ok=ok))
    return found


def _shares(counts: Mapping[str, int], limits: Thresholds) -> Iterator[Finding]:
    for name, part, whole, said in (
        ("anonymous_share", "anonymous", "events", "of the events are of nobody who is known"),
        (
            "outside_share",
            "outside_window",
            "rows",
            "of the rows lie outside the window: is it the one you meant?",
        ),
        ("duplicate_share", "duplicates", "rows", "of the rows repeat an event id: were files given twice?"),
    ):
        share, limit = counts.get(part, 0) / max(1, counts[whole]), getattr(limits, name)
        yield Finding.of(name, share, limit, f"{share:.0%} {said}", ok=share <= limit, severity="warning")


def _top_user(engine: Engine, limits: Thresholds) -> Iterator[Finding]:
    seen = engine.named(engine.script("busiest"))
    share = seen["most"] / max(1, seen["events"])
    said = f"one user has {share:.0%} of {seen['events']} events: a robot, or an id that stands for many"
    ok = share <= limits.top_user_share or seen["people"] < ENOUGH_PEOPLE
    yield Finding.of("top_user_share", share, limits.top_user_share, said, ok=ok)


class _Window:
    """The events of every day of the window by type, and what is wrong with the newest days."""

    def __init__(self, engine: Engine, made: Ingested) -> None:
        self._first = datetime.date.fromisoformat(made.start)
        first, last = day_number(self._first), day_number(datetime.date.fromisoformat(made.end))
        rows = engine.arrays(engine.script("days"))
        at = rows["day"].astype(np.int64) - first
        self._size = last - first + 1
        self._types: dict[str, _Days] = {}
        for kind in sorted(set(rows["event_type"].tolist())):
            of_kind = rows["event_type"] == kind
            self._types[kind] = np.bincount(at[of_kind], rows["events"][of_kind], self._size).astype(np.int64)
        self._all = np.bincount(at, rows["events"], self._size).astype(np.int64)

    def ending(self) -> Iterator[Finding]:
        """Judge whether events go on to the end of the window."""
        busy = np.flatnonzero(self._all)
        missing = self._size - 1 - int(busy[-1])
        longest = int(np.diff(busy).max(initial=1)) - 1
        said = f"no events in the last {missing} days, from {self._day(int(busy[-1]) + 1)} on"
        yield Finding.of("days_missing", missing, longest, said, ok=missing <= longest or len(busy) < ENOUGH_DAYS)

    def volumes(self, limits: Thresholds) -> Iterator[Finding]:
        """Judge how many events there are on each new day, of all and of each type.

        No events are usual where that weekday has none as a rule. The last day may not be over yet: that there are few
        of it is a warning.
        """
        low: list[_Seen] = []
        high: list[_Seen] = []
        begun: list[_Seen] = []
        for kind, counts in ((_ALL, self._all), *self._types.items()):
            for at in self._new():
                before = counts[max(0, at - BEFORE_DAYS) : at]
                usual = float(np.median(before[before > 0])) if (before > 0).sum() >= ENOUGH_DAYS else 0.0
                if usual < ENOUGH_EVENTS:
                    continue
                seen = counts[at] / usual, f"{counts[at]} {kind} on {self._day(at)}; {usual:.0f} are usual"
                weekdays = before[::-1][6::7]
                if 2 * counts[at] < weekdays.min() and not (begun and at == self._size - 1):
                    (begun if kind == _ALL and at == self._size - 1 else low).append(seen)
                if kind == _ALL and counts[at] > 2 * weekdays.max():
                    high.append(seen)
        yield _worst("low_volume", low, limits.low_volume, pick=min)
        yield _worst("last_day_volume", begun, limits.low_volume, pick=min, severity="warning")
        yield _worst("high_volume", high, limits.high_volume, pick=max)

    def busiest(self, engine: Engine, limits: Thresholds) -> Iterator[Finding]:
        """Judge whether one user is a large part of a new day."""
        first = day_number(self._first)
        rows = engine.arrays(engine.script("busiest_of_days", since=str(first + max(0, self._size - NEW_DAYS))))
        seen = [
            (
                most / events,
                f"one user has {most / events:.0%} of {events} events on {self._day(day - first)}: a robot?",
            )
            for day, people, most, events in zip(*(rows[name].tolist() for name in _BUSIEST), strict=True)
            if people >= ENOUGH_PEOPLE and events >= ENOUGH_EVENTS
        ]
        yield _worst("top_user_day_share", seen, limits.top_user_day_share, pick=max)

    def repeats(self, engine: Engine, limits: Thresholds) -> Iterator[Finding]:
        """Judge whether events of a new day stand there twice."""
        first = day_number(self._first)
        again = engine.arrays(engine.script("repeated", since=str(first + max(0, self._size - NEW_DAYS))))
        seen = []
        for day, events in zip(again["day"].tolist(), again["again"].tolist(), strict=True):
            whole = int(self._all[day - first])
            said = (
                f"{int(events)} of {whole} events on {self._day(day - first)} are told again: was the day loaded twice?"
            )
            if whole >= ENOUGH_EVENTS:
                seen.append((events / whole, said))
        yield _worst("repeated_share", seen, limits.repeated_share, pick=max)

    def clocks(self, engine: Engine, limits: Thresholds) -> Iterator[Finding]:
        """Judge whether the hours of a new day are those of the days before it, moved.

        People count, not their events: one large order is not a busy hour. Sundays have hours of their own, so a day is
        held against its weekday too, and what either explains is usual.
        """
        since = max(0, self._size - NEW_DAYS - BEFORE_DAYS)
        first = day_number(self._first)
        rows = engine.arrays(engine.script("clock", since=str(first + since)))
        people = np.zeros((self._size, 24))
        people[rows["day"].astype(np.int64) - first, rows["hour"]] = rows["people"]
        seen = []
        for at in self._new():
            before = people[max(0, at - BEFORE_DAYS) : at]
            if (before.sum(axis=1) > 0).sum() < ENOUGH_DAYS or people[at].sum() < ENOUGH_VISITS:
                continue
            gain, moved = _gain(people[at], before.sum(axis=0))
            weekday = before[::-1][6::7].sum(axis=0)
            if weekday.sum() >= ENOUGH_VISITS:
                gain = min(gain, _gain(people[at], weekday)[0])
            seen.append((gain, f"the hours of {self._day(at)} look {moved:+d} h off: is the time zone right?"))
        worst = _worst("clock_gain", seen, limits.clock_gain, pick=max)
        if worst.ok and worst.seen > limits.clock_gain_warned and seen:
            worst = replace(worst, ok=False, severity="warning", limit=limits.clock_gain_warned, said=max(seen)[1])
        yield worst

    def _new(self) -> range:
        return range(max(ENOUGH_DAYS, self._size - NEW_DAYS), self._size)

    def _day(self, at: int) -> datetime.date:
        return self._first + datetime.timedelta(days=at)


def _worst(
    name: str,
    seen: list[_Seen],
    limit: float,
    *,
    pick: Callable[..., _Seen],
    severity: Severity = "error",
) -> Finding:
    """Judge the worst of the values; where nothing could be judged it is as it must be."""
    value, said = pick(seen, default=(limit, ""), key=lambda one: one[0])
    ok = bool(value >= limit if pick is min else value <= limit)
    return Finding.of(name, float(value), limit, said, ok=ok, severity=severity)


def _gain(people: npt.NDArray[np.float64], usual: npt.NDArray[np.float64]) -> tuple[float, int]:
    """Return how much more the people of 24 hours are like the usual when the clock is moved, and by how many hours."""
    alike = [_cosine(np.roll(people, -hours), usual) for hours in range(24)]
    best = int(np.argmax(alike))
    return alike[best] - alike[0], best if best <= 12 else best - 24


def _cosine(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    length = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / length if length else 0.0
