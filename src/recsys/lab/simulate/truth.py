"""What is true of a simulated shop, as ``truth.json`` tells it, and what lists are worth in it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.lab.simulate.behaviour import Behaviour
from recsys.lab.simulate.history import (
    HOURS,
    LIST_SHARE,
    SEASON_SWING,
    SURFACES,
    TOPIC_PEAK_DAY,
    WEEKDAYS,
)
from recsys.lab.simulate.oldshop import LIST_LENGTH, OldShop
from recsys.lab.simulate.visits import click_chance
from recsys.lab.simulate.words import KINDS, STYLES, TOPICS
from recsys.lab.simulate.world import CELL_STYLE, CELL_TOPIC, World, stream

__all__ = ["EXPERIMENT", "FORMAT", "KIND", "VARIANTS", "best_items", "list_values", "truth_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

KIND = "recsys.simulation"
FORMAT = 1
EXPERIMENT = "old-shop-aa"
VARIANTS = ("a", "b")
VISITS = 4_000
"""Visits over which the worth of lists is averaged: a standard error near one part in a hundred."""
DETAIL_LIMIT = 10_000
"""Up to so many items and users, truth.json spells out every one: above, the recipe rebuilds them and the
file stays small.
"""


def best_items(world: World, behaviour: Behaviour, *, users: Ints, intents: Ints | None, k: int) -> Ints:
    """Return the available items truly best on home for each user, best first; shape ``(len(users), k)``.

    With ``intents`` (cells) the best for that visit of theirs; without, the best that can be said knowing
    the user alone.
    """
    leaders = world.leaders(k, among=world.items.available)
    worth = world.affinity(users[:, None], leaders[None, :])
    if intents is not None:
        meant = world.items.cell[leaders][None, :] == intents[:, None]
        worth = worth + behaviour.intent_bonus / behaviour.click_slope * meant
    return leaders[np.argsort(-worth, axis=1, kind="stable")[:, :k]]


def list_values(world: World, behaviour: Behaviour, old: OldShop, *, k: int, visits: int = VISITS) -> dict[str, Any]:
    """Return what lists of ``k`` items are worth on home, by ranker: expected clicks a list and a shown item.

    The chance of each click is exact; only the visits are a sample, the same for all rankers.
    """
    rng = stream(world.seed, "truth")
    edges = np.cumsum(world.users.activity)
    users = np.minimum(np.searchsorted(edges, rng.random(visits), side="right"), len(world.users) - 1)
    intents = world.draw_cells(users, rng.random(visits))
    stock = np.flatnonzero(world.items.available)
    k = min(k, len(stock))
    by_interest = stock[np.argsort(-world.interest[stock], kind="stable")]
    # Random lists of distinct items: a random place in a random order of the goods, and on from there.
    shuffled = stock[np.argsort(rng.random(len(stock)), kind="stable")]
    turns = (rng.random(visits) * len(stock)).astype(np.int64)[:, None] + np.arange(k)
    lists = {
        "ideal": best_items(world, behaviour, users=users, intents=intents, k=k),
        "taste": best_items(world, behaviour, users=users, intents=None, k=k),
        "popular": by_interest[None, :k],
        "old_shop": old.lists(rng, visits)[0][:, :k],
        "random": shuffled[turns % len(stock)],
        "inverted": by_interest[::-1][None, :k],
    }
    values = {}
    for name, items in lists.items():
        relevance = click_chance(
            world,
            behaviour,
            users=users[:, None],
            intents=intents[:, None],
            anchors=np.array(-1),
            items=items,
        )
        clicks = float((relevance * behaviour.examined(items.shape[1])).sum(axis=1).mean())
        values[name] = {"clicks_per_list": _short(clicks), "ctr": _short(clicks / items.shape[1])}
    return {"k": k, "surface": "home", "visits": visits, "lists": values}


def truth_of(
    world: World, behaviour: Behaviour, old: OldShop, *, parameters: Mapping[str, Any], tag: str
) -> dict[str, Any]:
    """Write down the truth of a shop and its history: plain values, floats short enough to be the same
    everywhere.
    """
    return {
        "kind": KIND,
        "format": FORMAT,
        "tag": tag,
        "parameters": dict(parameters),
        "behaviour": behaviour.document(),
        "position_bias": {
            "formula": "examined(rank) = rank ** -eta",
            "eta": behaviour.eta,
            "examined": _shorts(behaviour.examined(LIST_LENGTH)),
        },
        "affinity": {
            "formula": "g(user, item) = ln(appeal * T * topic_taste[topic] * S * style_taste[style])",
            "click": "sigmoid(click_intercept + click_slope * g + intent_bonus * [cell is the visit's intent]"
            " + partner_bonus * [item goes with the anchor])",
            "topics": list(TOPICS),
            "styles": list(STYLES),
            "goes_with": {kind.category: list(kind.goes_with) for kind in KINDS},
            "rebuild": "recsys.lab.simulate.World.make(users=, items=, seed=).affinity(users, items)",
        },
        "calendar": {
            "weekdays_from_monday": list(WEEKDAYS),
            "hours": list(HOURS),
            "topic_peak_day": TOPIC_PEAK_DAY,
            "topic_swing": SEASON_SWING,
        },
        "logging_policy": {
            "name": "old-shop-1",
            "form": "Plackett-Luce over the pool",
            "list_length": old.length,
            "list_share": LIST_SHARE,
            "surfaces": list(SURFACES),
            "pool": world.items.ids[old.pool].tolist(),
            "weights": _shorts(old.weights),
        },
        "experiment": {
            "experiment_id": EXPERIMENT,
            "variants": list(VARIANTS),
            "unit_type": "anonymous_id",
            "true_effect": 0.0,
        },
        "expected": list_values(world, behaviour, old, k=LIST_LENGTH),
        "popular": _popular(world),
        "detail": _detail(world),
    }


def _popular(world: World) -> list[dict[str, Any]]:
    top = np.argsort(-world.interest, kind="stable")[:50]
    return [{"item_id": world.items.ids[n], "share": _short(float(world.interest[n]))} for n in top.tolist()]


def _detail(world: World) -> dict[str, Any] | None:
    if max(len(world.items), len(world.users)) > DETAIL_LIMIT:
        return None
    items, users = world.items, world.users
    ids = items.ids.tolist()
    return {
        "items": {
            "item_id": ids,
            "topic": [TOPICS[t] for t in CELL_TOPIC[items.cell].tolist()],
            "style": [STYLES[s] for s in CELL_STYLE[items.cell].tolist()],
            "appeal": _shorts(items.appeal),
            "goes_with": [[ids[p] for p in dict.fromkeys(row) if p >= 0] for row in items.partners.tolist()],
        },
        "users": {
            "user_id": [f"u{n + 1}" if account else None for n, account in enumerate(users.account.tolist())],
            "anonymous_id": [f"a{n + 1}" for n in range(len(users))],
            "activity": _shorts(users.activity),
            "topic_taste": [_shorts(row) for row in users.topic_taste],
            "style_taste": [_shorts(row) for row in users.style_taste],
        },
    }


def _short(value: float) -> float:
    """Keep six digits: the last bits of a logarithm differ between processors, and nobody needs them."""
    return float(f"{value:.6g}")


def _shorts(values: Floats) -> list[float]:
    return [_short(value) for value in values.tolist()]
