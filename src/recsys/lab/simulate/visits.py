"""What people do in the shop on their own: pick something they feel like, look around, buy. Vectorised
over visits.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.lab.simulate.behaviour import Behaviour, chance
from recsys.lab.simulate.world import PARTNERS, World

__all__ = ["Steps", "click_chance", "convert_chance", "walk"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """Items looked at, ordered by visit and then by step; all arrays have one row a step."""

    visit: Ints
    """Row of the visit in the arguments of :func:`walk`."""
    item: Ints
    bought: Bools
    wait_s: Floats
    """Seconds since the step before, or since the visit began."""


def walk(
    world: World,
    behaviour: Behaviour,
    rng: np.random.Generator,
    *,
    users: Ints,
    intents: Ints,
    days_to_end: Floats,
    in_stock: bool = False,
    season: Floats | None = None,
) -> Steps:
    """Let every visit walk through the shop.

    Parameters
    ----------
    users, intents, days_to_end
        One row a visit: who, which cell they came for, and days from the visit to the end of the history.
        An item younger than that is not there yet and the step is lost.
    in_stock
        Leave out what is not available, as a shop does today.
    season
        Weights of topics for wandering steps; shape ``(topics,)``.
    """
    items = world.items
    lengths = behaviour.steps(rng.random(len(users)))
    before = np.full(len(users), -1)
    just_bought = np.zeros(len(users), dtype=np.bool_)
    parts: list[tuple[Ints, Ints, Bools, Floats]] = []
    for step in range(behaviour.max_steps):
        visit = np.flatnonzero(lengths > step)
        if not len(visit):
            break
        u = rng.random((6, len(visit)))
        came_from, eager = before[visit], just_bought[visit]
        partner = items.partners[came_from, (u[0] * PARTNERS).astype(np.int64)]
        hop = np.where(eager, behaviour.hop_after_buying, behaviour.hop)
        follows = (came_from >= 0) & (partner >= 0) & (u[1] < hop)
        cells = intents[visit].copy()
        strays = np.flatnonzero(~follows & (u[2] < behaviour.wander))
        cells[strays] = world.draw_cells(users[visit[strays]], u[3, strays], season)
        item = np.where(follows, partner, world.draw_items(cells, u[0]))
        there = items.age_days[item] >= days_to_end[visit]
        if in_stock:
            there &= items.available[item]
        odds = behaviour.buy_intercept + behaviour.buy_slope * world.affinity(users[visit], item)
        bought = there & (u[4] < chance(odds + behaviour.bundle_bonus * (follows & eager)))
        before[visit] = np.where(there, item, came_from)
        just_bought[visit] = np.where(there, bought, eager)
        wait = 4.0 - 50.0 * np.log1p(-u[5])
        parts.append((visit[there], item[there], bought[there], wait[there]))
    visits, chosen, bought_all, waits = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(visits, kind="stable")
    return Steps(visit=visits[order], item=chosen[order], bought=bought_all[order], wait_s=waits[order])


def click_chance(
    world: World, behaviour: Behaviour, *, users: Ints, intents: Ints, anchors: Ints, items: Ints
) -> Floats:
    """Return the chance of a click on each item once it is examined; the arguments broadcast together.

    ``anchors`` is the item on the page the list stands on; −1 where there is none.
    """
    users, intents, anchors, items = np.broadcast_arrays(users, intents, anchors, items)
    log_odds = behaviour.click_intercept + behaviour.click_slope * world.affinity(users, items)
    log_odds = log_odds + behaviour.intent_bonus * (world.items.cell[items] == intents)
    goes_with = (world.items.partners[anchors] == items[..., None]).any(axis=-1) & (anchors >= 0)
    return chance(log_odds + behaviour.partner_bonus * goes_with)


def convert_chance(world: World, behaviour: Behaviour, *, users: Ints, items: Ints) -> Floats:
    """Return the chance that a click in a list becomes a purchase; the arguments broadcast together."""
    return chance(behaviour.convert_intercept + behaviour.convert_slope * world.affinity(users, items))
