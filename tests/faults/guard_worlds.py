"""Simulated candidates: what people are answered over minutes or days, before the code that decides for the guard."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys.operations.guard.tally import Check, Seen, Tally

__all__ = ["HEALTHY", "World", "watch"]

BEGAN_S = 1_790_000_000.0
LOOKS_S = 5.0
Draw = npt.NDArray[np.float64]


class World(NamedTuple):
    """``bad``: the rate of bad answers in each arm, of answers at some seconds by units with some draw of their own in
    (0, 1); ``at``: a moment for each of a number of draws in (0, 1). ``weights``: how often a unit asks. ``liked``: how
    many times as often people of the candidate ask.
    """

    name: str
    share: float
    answers: int
    seconds: float
    units: int
    bad: Callable[[Draw, Draw], tuple[Draw, Draw]]
    check: Check = "empty"
    weights: Callable[[np.random.Generator, int], Draw] = lambda rng, units: rng.lognormal(0, 1, units)
    at: Callable[[Draw], Draw] = lambda draws: draws
    liked: float = 1.0


def even(rate: float, more: float = 0.0) -> Callable[[Draw, Draw], tuple[Draw, Draw]]:
    return lambda at, _unit: (np.full(len(at), rate), np.full(len(at), rate + more))


def _alike(rate: Callable[[Draw, Draw], Draw]) -> Callable[[Draw, Draw], tuple[Draw, Draw]]:
    return lambda at, unit: (rate(at, unit), rate(at, unit))


def _bursts(at: Draw, _unit: Draw) -> Draw:
    """A minute in ten in which every third answer is empty."""
    return np.where(np.floor(at / 60) % 10 == 3, 0.33, 0.002)


def _by_the_hour(at: Draw, _unit: Draw) -> Draw:
    return 0.01 * (1 + np.sin(2 * np.pi * at / 86_400)) + 0.001


def _picky(_at: Draw, unit: Draw) -> Draw:
    """One unit of fifty asks for what is not there in four of five requests."""
    return np.where(unit < 0.02, 0.8, 0.001)


def _waves(draws: Draw) -> Draw:
    """Many more people come at noon than at night."""
    return np.asarray(draws + 0.12 * np.sin(2 * np.pi * 2 * draws) / (2 * np.pi))


_HEAVY: Callable[[np.random.Generator, int], Draw] = lambda rng, units: rng.pareto(1.1, units) + 0.02  # noqa: E731

HEALTHY: tuple[World, ...] = (
    *(World(f"{rate:.1%} empty in both arms", 0.5, 12_000, 300, 2_000, even(rate)) for rate in (0.001, 0.005, 0.02)),
    World("bursts", 0.5, 12_000, 1_800, 2_000, _alike(_bursts)),
    World("two days and nights", 0.3, 20_000, 172_800, 4_000, _alike(_by_the_hour), at=_waves),
    World("few people in a day", 0.5, 600, 86_400, 80, even(0.02)),
    World("a hundredth of the people", 0.01, 20_000, 600, 5_000, even(0.01)),
    World("nine of ten people", 0.9, 10_000, 600, 2_000, even(0.01)),
    World(
        "visitors who ask on and on for what is not there",
        0.5,
        12_000,
        1_800,
        500,
        _alike(_picky),
        weights=_HEAVY,
    ),
    World("a slow machine", 0.5, 12_000, 600, 2_000, even(0.3), check="slow"),
    World("liked: its people ask a fifth more", 0.5, 12_000, 600, 1_000, even(0.02), liked=1.2),
    World("worse by less than the margin", 0.5, 12_000, 600, 4_000, even(0.002, 0.006)),
)


def watch(world: World, rng: np.random.Generator) -> float | None:
    """Look every few seconds; return after how many seconds the candidate is aborted, ``None`` if it is not.

    Looks before which nothing bad came are left out: only that makes harm surer.
    """
    tally = Tally(began_s=BEGAN_S, margin=0.01)
    due, anything_bad = LOOKS_S, False
    for at_s, seen in _answers(world, rng):
        if at_s >= due:
            if anything_bad:
                standings = tally.standings(now_s=BEGAN_S + at_s)
                if standings and standings[0].harmful:
                    return due
            due, anything_bad = (np.floor(at_s / LOOKS_S) + 1) * LOOKS_S, False
        tally.add(seen, now_s=BEGAN_S + at_s)
        anything_bad |= bool(seen.bad)
    standings = tally.standings(now_s=BEGAN_S + world.seconds)
    return due if standings and standings[0].harmful else None


def _answers(world: World, rng: np.random.Generator) -> Iterator[tuple[float, Seen]]:
    has_it = rng.random(world.units) < world.share
    weights = world.weights(rng, world.units) * np.where(has_it, world.liked, 1.0)
    who = rng.choice(world.units, world.answers, p=weights / weights.sum())
    at = np.sort(world.at(rng.random(world.answers))) * world.seconds
    control, candidate = world.bad(at, rng.random(world.units)[who])
    bad = rng.random(world.answers) < np.where(has_it[who], candidate, control)
    was: tuple[tuple[Check, ...], ...] = ((), (world.check,))
    for moment, unit, given, failed in zip(at.tolist(), who.tolist(), has_it[who].tolist(), bad.tolist(), strict=True):
        arm = "candidate" if given else "control"
        yield moment, Seen(BEGAN_S + moment, arm, unit, world.share, was[failed])  # type: ignore[arg-type]
