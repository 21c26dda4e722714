"""The shop's past, day by day: visits, what was looked at and bought, the lists that were shown and what
came of them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from recsys.lab.simulate.behaviour import Behaviour
from recsys.lab.simulate.goods import end_of
from recsys.lab.simulate.oldshop import OldShop
from recsys.lab.simulate.visits import Steps, click_chance, convert_chance, walk
from recsys.lab.simulate.words import TOPICS
from recsys.lab.simulate.world import World, stream

__all__ = ["HOURS", "LIST_SHARE", "SURFACES", "TOPIC_PEAK_DAY", "WEEKDAYS", "Batch", "days_of", "season"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[np.generic]]

SURFACES = ("home", "pdp")
LIST_SHARE = 0.5
"""Share of visits that are shown a list; of these ``HOME_SHARE`` on home, the rest on the page of the
first item seen.
"""
HOME_SHARE = 0.7

WEEKDAYS = (0.95, 0.9, 0.9, 1.0, 1.05, 1.15, 1.25)
"""Visits from Monday to Sunday, relative to each other."""
HOURS = (2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 10, 11, 10, 9, 9, 10, 12, 14, 16, 17, 15, 10, 5)
TOPIC_PEAK_DAY = {"tea": 330, "kitchen": 300, "dining": 345, "bath": 20, "bedroom": 310, "garden": 130,
"desk": 245, "kids": 345, "light": 335, "pets": 180}  # fmt: skip
"""Day of the year on which each topic draws most."""
SEASON_SWING = 0.4
YEAR_SWING, YEAR_PEAK_DAY = 0.2, 340
SLICE = 65_536
"""Visits walked at once: bounds memory to some hundred megabytes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Some visits as flat columns of numbers; ``ts`` is in milliseconds since 1970, −1 stands for nothing.

    ``shown`` and ``propensities`` have shape ``(lists, length)``.
    """

    interactions: Columns
    lists: Columns
    shown: Ints
    propensities: Floats
    outcomes: Columns


def season(day: date) -> Floats:
    """Return how much each topic draws on a day: 1 ± the swing; shape ``(topics,)``."""
    nth = day.timetuple().tm_yday
    return np.array([_wave(nth, TOPIC_PEAK_DAY[topic], SEASON_SWING) for topic in TOPICS])


def days_of(world: World, behaviour: Behaviour, old: OldShop, *, days: int, end: date, events: int) -> Iterator[Batch]:
    """Live through the days up to ``end``, inclusive, with exactly that many organic interactions in all."""
    dates = [end - timedelta(days=days - 1 - n) for n in range(days)]
    visits = 0
    for n, (day, quota) in enumerate(zip(dates, _quotas(dates, events), strict=True)):
        rng = stream(world.seed, "history", n)
        scene = _Scene(world=world, behaviour=behaviour, old=old, day=day, days_left=days - 1 - n, until=end_of(end))
        left = quota
        while left:
            # A visit makes about three events; the small surplus is cut, so that few days need a second
            # round.
            size = min(SLICE, int(left / (0.9 * behaviour.mean_steps)) + 4)
            batch, used = scene.play(rng, visits=size, at_most=left, first_visit=visits)
            left -= used
            visits += size
            yield batch


def _wave(nth: int, peak: int, swing: float) -> float:
    return 1 + swing * math.cos(2 * math.pi * (nth - peak) / 365.25)


def _pieces(u: Floats) -> Floats:
    """Turn uniforms into how many were bought: mostly one or two, never over twelve."""
    return np.asarray(1 + np.minimum(np.floor(-np.log1p(-u) / 0.9), 11), dtype=np.float64)


def _quotas(dates: list[date], events: int) -> list[int]:
    """Share the events over the days by weekday and season, to the last one."""
    weights = np.array(
        [WEEKDAYS[day.weekday()] * _wave(day.timetuple().tm_yday, YEAR_PEAK_DAY, YEAR_SWING) for day in dates]
    )
    edges = np.round(np.cumsum(weights) / weights.sum() * events).astype(np.int64)
    return [int(quota) for quota in np.diff(edges, prepend=0)]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scene:
    """One day of the shop."""

    world: World
    behaviour: Behaviour
    old: OldShop
    day: date
    days_left: int
    until: float

    def play(self, rng: np.random.Generator, *, visits: int, at_most: int, first_visit: int) -> tuple[Batch, int]:
        """Play a number of visits; keep the first ``at_most`` interactions. Returns how many were kept."""
        world, behaviour = self.world, self.behaviour
        users = np.searchsorted(self._activity_edges, rng.random(visits), side="right")
        users = np.minimum(users, len(world.users) - 1)
        second = self._seconds(rng, visits)
        drift = season(self.day)
        intents = world.draw_cells(users, rng.random(visits), drift)
        logged_in = world.users.account[users] & (rng.random(visits) < behaviour.logged_in)
        days_to_end = self.days_left + (86_400 - second) / 86_400
        steps = walk(world, behaviour, rng, users=users, intents=intents, days_to_end=days_to_end, season=drift)
        start = end_of(self.day) - 86_400 + second
        who = {
            "user": users,
            "logged_in": logged_in,
            "visit": first_visit + np.arange(visits),
            "start": start,
        }
        interactions, used = self._interactions(rng, steps, who, at_most)
        # Where the interactions were cut, the day ends: later visits show no list either.
        last = int(interactions["visit"][-1]) - first_visit + 1 if used == at_most else visits
        lists, shown, propensities, outcomes = self._lists(rng, steps, who, intents, visits=last)
        batch = Batch(interactions=interactions, lists=lists, shown=shown, propensities=propensities, outcomes=outcomes)
        return batch, used

    @property
    def _activity_edges(self) -> Floats:
        return np.cumsum(self.world.users.activity)

    def _seconds(self, rng: np.random.Generator, n: int) -> Floats:
        edges = np.cumsum(HOURS) / sum(HOURS)
        hour = np.searchsorted(edges, rng.random(n), side="right")
        return np.asarray(hour * 3600 + rng.random(n) * 3600)

    def _ms(self, seconds: Floats) -> Ints:
        """Round to milliseconds; what would happen after the end of the history happens just before it."""
        return np.minimum(np.floor(seconds * 1000), self.until * 1000 - 1).astype(np.int64)

    def _interactions(self, rng: np.random.Generator, steps: Steps, who: Columns, at_most: int) -> tuple[Columns, int]:
        """Lay out views, and purchases half-way to the next view."""
        clock = np.cumsum(steps.wait_s)
        first = np.flatnonzero(np.diff(steps.visit, prepend=-1))
        lengths = np.diff(np.append(first, len(steps.visit)))
        since_start = clock - np.repeat(clock[first] - steps.wait_s[first], lengths)
        viewed = who["start"][steps.visit].astype(np.float64) + since_start
        bought = np.flatnonzero(steps.bought)
        quantity = _pieces(rng.random(len(bought)))
        step = np.concatenate((np.arange(len(viewed)), bought))
        order = np.argsort(np.concatenate((np.arange(len(viewed)), bought + 0.5)), kind="stable")[:at_most]
        ts = np.concatenate((viewed, viewed[bought] + 1.9))[order]
        pieces = np.concatenate((np.full(len(viewed), -1.0), quantity))[order]
        step = step[order]
        visit = steps.visit[step]
        columns: Columns = {
            "ts": self._ms(ts),
            "item": steps.item[step],
            "user": who["user"][visit],
            "logged_in": who["logged_in"][visit],
            "visit": who["visit"][visit],
            "quantity": pieces.astype(np.int64),
        }
        return columns, len(order)

    def _lists(
        self, rng: np.random.Generator, steps: Steps, who: Columns, intents: Ints, *, visits: int
    ) -> tuple[Columns, Ints, Floats, Columns]:
        """Show the old shop's list to some of the first ``visits`` visits and let them react."""
        n = len(intents)
        first = np.flatnonzero(np.diff(steps.visit, prepend=-1))
        anchor = np.full(n, -1)
        anchor[steps.visit[first]] = steps.item[first]
        met = np.zeros(n)
        met[steps.visit[first]] = steps.wait_s[first]
        on_page = (rng.random(n) >= HOME_SHARE) & (anchor >= 0)
        visit = np.flatnonzero(rng.random(n)[:visits] < LIST_SHARE)
        on_page, users = on_page[visit], who["user"][visit].astype(np.int64)
        shown, propensities = self.old.lists(rng, len(visit))
        at = who["start"][visit].astype(np.float64) + np.where(on_page, met[visit] + 0.4, 0.2)
        relevance = click_chance(
            self.world,
            self.behaviour,
            users=users[:, None],
            intents=intents[visit][:, None],
            anchors=np.where(on_page, anchor[visit], -1)[:, None],
            items=shown,
        )
        clicked = rng.random(shown.shape) < self.behaviour.examined(self.old.length) * relevance
        row, place = np.nonzero(clicked)
        item = shown[row, place]
        click_at = at[row] + 2.0 + 2.5 * place - 12.0 * np.log1p(-rng.random(len(row)))
        bought = rng.random(len(row)) < convert_chance(self.world, self.behaviour, users=users[row], items=item)
        later = click_at + 15.0 - 90.0 * np.log1p(-rng.random(len(row)))
        lists: Columns = {
            "ts": self._ms(at),
            "user": users,
            "logged_in": who["logged_in"][visit],
            "visit": who["visit"][visit],
            "surface": on_page.astype(np.int64),
            "latency_us": (4000 * np.exp(-0.5 * np.log1p(-rng.random(len(visit))))).astype(np.int64),
        }
        columns = {name: lists[name][row] for name in ("user", "logged_in", "visit", "surface")}
        once = {**columns, "item": item, "rank": place + 1}
        outcomes: Columns = {name: np.concatenate((values, values[bought])) for name, values in once.items()}
        outcomes["ts"] = self._ms(np.concatenate((click_at, later[bought])))
        outcomes["converted"] = np.arange(len(outcomes["ts"])) >= len(row)
        outcomes["quantity"] = _pieces(rng.random(len(outcomes["ts"]))).astype(np.int64)
        return lists, shown, propensities, outcomes
