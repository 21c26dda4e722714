"""The shop itself: its goods, its people, and the one law of who likes what.

Everything is drawn from uniforms of PCG64 by closed formulas and summed in a fixed order, so a seed means
the same shop everywhere. Goods fall into *cells*, one for each topic and style; within a cell items differ
by appeal alone. That makes the taste law exact and cheap: a draw is one choice of a cell and one search in
a cumulative sum.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from recsys.lab.simulate.words import BRANDS, KINDS, STYLES, TOPICS

__all__ = ["CELLS", "LONGEST_HISTORY_DAYS", "PARTNERS", "Items", "Users", "World", "stream"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CELLS = len(TOPICS) * len(STYLES)
CELL_TOPIC = np.repeat(np.arange(len(TOPICS)), len(STYLES))
CELL_STYLE = np.tile(np.arange(len(STYLES)), len(TOPICS))
KIND_TOPIC = np.array([TOPICS.index(kind.topic) for kind in KINDS])
PARTNERS = 3
"""How many items each item goes with, at most."""

_PURPOSES = ("items", "users", "history", "old-shop", "truth", "visits")

LONGEST_HISTORY_DAYS = 1095
"""Most goods are older than this, so that the first day of any history has a whole shop to choose from."""
APPEAL_SIGMA = 1.2
"""Spread of log appeal: the best of 500 items draws some 30 times what the middle one does."""
ACTIVITY_SIGMA = 1.0
TOPIC_SPREAD, STYLE_SPREAD = 1.8, 1.2
"""Spread of the logistic-normal tastes: most users care for two or three topics and one or two styles."""
TOPIC_FLOOR, STYLE_FLOOR = 0.05, 0.10
"""Share of every taste spread evenly, so that nothing is impossible."""


def stream(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """Open the stream of randomness for one purpose: independent of all others, the same for the same
    seed.
    """
    key = (seed, _PURPOSES.index(purpose), *numbers)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def normals(rng: np.random.Generator, *shape: int) -> Floats:
    """Draw standard normals from uniforms (Box–Muller): numpy may change its own way between versions."""
    radius = np.sqrt(-2.0 * np.log1p(-rng.random(shape)))
    return np.asarray(radius * np.cos(2.0 * np.pi * rng.random(shape)), dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Items:
    """The goods, one row an item, in order of their number. Arrays have shape ``(n,)`` unless they say
    otherwise.
    """

    kind: Ints
    style: Ints
    cell: Ints
    appeal: Floats
    price: Floats
    brand: Ints
    look: Ints
    """Which of a kind's and style's colours, materials and sizes: its number within them, from 0."""
    age_days: Floats
    """Days from the item's coming into the shop to the end of the history; an item cannot be met before."""
    available: Bools
    partners: Ints
    """Shape ``(n, PARTNERS)``: what it goes with; −1 where there is nothing."""

    def __len__(self) -> int:
        return len(self.kind)

    @cached_property
    def ids(self) -> npt.NDArray[np.object_]:
        """Item ids by number: ``mugs-00017``."""
        slugs = [kind.category for kind in KINDS]
        return np.array([f"{slugs[k]}-{n:05d}" for n, k in enumerate(self.kind.tolist(), 1)], dtype=object)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Numbers of the items by id."""
        return {item_id: number for number, item_id in enumerate(self.ids.tolist())}


@dataclass(frozen=True, kw_only=True, eq=False)
class Users:
    """The people, one row a user."""

    topic_taste: Floats
    """θ, shape ``(n, topics)``; rows sum to 1."""
    style_taste: Floats
    """ψ, shape ``(n, styles)``; rows sum to 1."""
    activity: Floats
    """Share of all visits each user makes; heavy-tailed; sums to 1."""
    account: Bools
    """Whether the user has an account; the others are always anonymous."""

    def __len__(self) -> int:
        return len(self.activity)


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """A shop whose truth is known. Make it with :meth:`make`; the same arguments give the same shop."""

    seed: int
    items: Items
    users: Users

    @classmethod
    def make(cls, *, users: int, items: int, seed: int) -> "World":
        """Draw a shop of that many users and items."""
        return cls(seed=seed, items=_items(items, seed), users=_users(users, seed))

    def affinity(self, users: Ints, items: Ints) -> Floats:
        """Return the true g(user, item) = ln(appeal · T θ[topic] · S ψ[style]); arguments broadcast
        together.
        """
        cells = self.items.cell[items]
        topic = self.users.topic_taste[users, CELL_TOPIC[cells]] * len(TOPICS)
        style = self.users.style_taste[users, CELL_STYLE[cells]] * len(STYLES)
        return np.log(self.items.appeal[items] * topic * style)

    def cell_pull(self, users: Ints, season: Floats | None = None) -> Floats:
        """Weigh the cells for each user: taste times the appeal on offer there. Shape ``(len(users),
        CELLS)``.

        ``season`` multiplies topics; shape ``(topics,)`` or one row a user.
        """
        topics = self.users.topic_taste[users]
        if season is not None:
            topics = topics * season
        return topics[:, CELL_TOPIC] * self.users.style_taste[users][:, CELL_STYLE] * self.cell_appeal

    def draw_cells(self, users: Ints, u: Floats, season: Floats | None = None) -> Ints:
        """Draw a cell for each user from uniforms ``u``."""
        edges = np.cumsum(self.cell_pull(users, season), axis=1)
        below: Ints = (edges <= (u * edges[:, -1])[:, None]).sum(axis=1)
        return np.minimum(below, self._last_cell)

    def draw_items(self, cells: Ints, u: Floats) -> Ints:
        """Draw an item of each cell, by appeal, from uniforms ``u``. The cells must not be empty."""
        low, high = self._cell_edges[cells], self._cell_edges[cells + 1]
        place = np.searchsorted(self._appeal_edges, low + u * (high - low), side="right") - 1
        first, last = self._cell_starts[cells], self._cell_starts[cells + 1] - 1
        return self.by_cell[np.clip(place, first, last)]

    @cached_property
    def by_cell(self) -> Ints:
        """Item numbers grouped by cell, the most appealing first."""
        return np.lexsort((np.arange(len(self.items)), -self.items.appeal, self.items.cell))

    @cached_property
    def cell_appeal(self) -> Floats:
        """Appeal of all items of each cell together; shape ``(CELLS,)``."""
        return np.bincount(self.items.cell, weights=self.items.appeal, minlength=CELLS).astype(np.float64)

    @cached_property
    def interest(self) -> Floats:
        """True share of all organic interest each item draws, over users by their activity; sums to 1."""
        share = np.zeros(CELLS)
        for start in range(0, len(self.users), 65_536):  # bounds the matrix to some 20 MB
            rows = np.arange(start, min(start + 65_536, len(self.users)))
            pull = self.cell_pull(rows)
            share += (pull / pull.sum(axis=1, keepdims=True) * self.users.activity[rows, None]).sum(axis=0)
        cells = self.items.cell
        return np.asarray(share[cells] * self.items.appeal / self.cell_appeal[cells], dtype=np.float64)

    def leaders(self, per_cell: int, *, among: Bools) -> Ints:
        """Return the most appealing items of every cell: whatever a user's taste, their best items are
        among these.
        """
        order = self.by_cell[among[self.by_cell]]
        return order[_within(self.items.cell[order]) < per_cell]

    @cached_property
    def _cell_starts(self) -> Ints:
        return np.concatenate(([0], np.cumsum(np.bincount(self.items.cell, minlength=CELLS))))

    @cached_property
    def _appeal_edges(self) -> Floats:
        return np.concatenate(([0.0], np.cumsum(self.items.appeal[self.by_cell])))

    @cached_property
    def _cell_edges(self) -> Floats:
        return self._appeal_edges[self._cell_starts]

    @cached_property
    def _last_cell(self) -> int:
        return int(self.items.cell.max())


def _items(n: int, seed: int) -> Items:
    rng = stream(seed, "items")
    kind = (rng.random(n) * len(KINDS)).astype(np.int64)
    style = (rng.random(n) * len(STYLES)).astype(np.int64)
    appeal = np.exp(APPEAL_SIGMA * normals(rng, n))
    price = np.array([kind.price for kind in KINDS])[kind] * np.exp(0.35 * normals(rng, n))
    young = rng.random(n) < 0.15
    age = np.where(young, rng.random(n) * 200, LONGEST_HISTORY_DAYS + 5 + rng.random(n) * 900)
    available = rng.random(n) >= 0.03
    age[0], available[0] = (
        LONGEST_HISTORY_DAYS + 5,
        True,
    )  # so that no shop, however small, has ever nothing to show
    group = kind * len(STYLES) + style
    # Every maker keeps to a few topics: a brand says something about what is liked.
    brand = (KIND_TOPIC[kind] + (rng.random(n) * 3).astype(np.int64) * 4) % len(BRANDS)
    return Items(
        kind=kind,
        style=style,
        cell=KIND_TOPIC[kind] * len(STYLES) + style,
        appeal=appeal,
        price=np.maximum(np.round(price) - 0.05, 0.95),
        brand=brand,
        look=_within(group),
        age_days=age,
        available=available,
        partners=_partners(rng, kind, style),
    )


def _within(group: Ints) -> Ints:
    """Number the members of each group from 0, in their order."""
    order = np.argsort(group, kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(group))))
    within = np.empty_like(group)
    within[order] = np.arange(len(group)) - starts[group[order]]
    return within


def _partners(rng: np.random.Generator, kind: Ints, style: Ints) -> Ints:
    """Choose for each item what it goes with: an item of the same style of each kind that its kind goes
    with.
    """
    categories = [kind.category for kind in KINDS]
    table = np.array([[categories.index(k.goes_with[n % len(k.goes_with)]) for n in range(PARTNERS)] for k in KINDS])
    groups = len(KINDS) * len(STYLES)
    group = kind * len(STYLES) + style
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group, minlength=groups)
    starts = np.concatenate(([0], np.cumsum(sizes)))
    wanted = table[kind]
    target = wanted * len(STYLES) + style[:, None]
    there = sizes[target] > 0
    place = starts[target] + (rng.random(wanted.shape) * sizes[target]).astype(np.int64)
    return np.where(there, order[np.where(there, place, 0)], -1)


def _users(n: int, seed: int) -> Users:
    rng = stream(seed, "users")
    topics = _softmax(TOPIC_SPREAD * normals(rng, n, len(TOPICS)))
    styles = _softmax(STYLE_SPREAD * normals(rng, n, len(STYLES)))
    activity = np.exp(ACTIVITY_SIGMA * normals(rng, n))
    return Users(
        topic_taste=(1 - TOPIC_FLOOR) * topics + TOPIC_FLOOR / len(TOPICS),
        style_taste=(1 - STYLE_FLOOR) * styles + STYLE_FLOOR / len(STYLES),
        activity=activity / activity.sum(),
        account=rng.random(n) < 0.7,
    )


def _softmax(x: Floats) -> Floats:
    odds = np.exp(x)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float64)
