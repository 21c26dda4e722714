"""The shop's list before there was a recommender: yesterday's bestsellers, shuffled. Its propensities are
known.

It is a Plackett–Luce draw over a pool: each place takes one of the items not yet taken, by weight. Sorting
the pool by ``ln(weight) + Gumbel noise`` is that draw exactly (Yellott 1977), for all lists at once.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.lab.simulate.world import World, normals, stream

__all__ = ["LIST_LENGTH", "POOL", "OldShop"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LIST_LENGTH = 10
POOL = 60
"""Enough that the logs have seen every popular item at every rank, few enough that it is a bestseller
list.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class OldShop:
    """The logging policy: a pool of item numbers and the weight of each."""

    pool: Ints
    weights: Floats

    @classmethod
    def open(cls, world: World, *, days: int) -> "OldShop":
        """Choose what seemed popular to somebody among what was there when the history began."""
        rng = stream(world.seed, "old-shop")
        seemed = np.log(world.items.appeal) + 0.8 * normals(rng, len(world.items))
        known = np.flatnonzero((world.items.age_days >= days) & world.items.available)
        pool = known[np.argsort(-seemed[known], kind="stable")[:POOL]]
        weights = np.exp(0.5 * (seemed[pool] - seemed[pool].max()))
        return cls(pool=pool, weights=weights / weights.sum())

    @property
    def length(self) -> int:
        """Places in one list."""
        return min(LIST_LENGTH, len(self.pool))

    def lists(self, rng: np.random.Generator, n: int) -> tuple[Ints, Floats]:
        """Draw ``n`` lists: item numbers and propensities given the items above; both of shape ``(n,
        length)``.
        """
        k = self.length
        noisy = np.log(self.weights) - np.log(-np.log1p(-rng.random((n, len(self.pool)))))
        top = np.argpartition(-noisy, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(noisy, top, axis=1), axis=1, kind="stable")
        places = np.take_along_axis(top, order, axis=1)
        weight = self.weights[places]
        taken = np.cumsum(weight, axis=1) - weight
        return self.pool[places], np.minimum(weight / np.maximum(1.0 - taken, weight), 1.0)
