"""Co-occurrence: what the same users took together, one vote per user and pair.

The formula and its sources: ``docs/reference/signals.md``. The definition: ``cooc.sql``.
"""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.signals.artifact import FORMAT, Heading, check_scale, positive_scale
from recsys.signals.signal import Rows, Signal, SmallTable
from recsys.store.columns import Columns, Strings, pack, strings
from recsys.store.soundness import check_lengths, check_lists, check_owner, check_unique, require

__all__ = ["COOC", "Cooc", "Params"]

KIND = "cooc"


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How co-occurrence is computed.

    ``event_types``: what counts as taking an item; empty means every type. ``max_basket``: of a longer
    basket a fixed pseudo-random choice of this many items is used, so that a crawler's visit or a
    wholesaler's order costs and weighs no more than a long real one. ``min_support``: distinct users a pair
    needs; one user's basket is that user's business. ``shrinkage``: how strongly pairs of rare items are
    held back, in units of the mean item's users. ``neighbours``: how many are kept per item.
    """

    event_types: tuple[str, ...] = ()
    max_basket: int = 25
    min_support: int = 2
    shrinkage: float = 0.1
    neighbours: int = 50

    def __post_init__(self) -> None:
        if not 2 <= self.max_basket <= 1000:
            raise ValueError("max_basket must lie in 2..1000: pairs grow with its square")
        if self.min_support < 1:
            raise ValueError("min_support must be at least 1")
        if not (math.isfinite(self.shrinkage) and self.shrinkage >= 0):
            raise ValueError("shrinkage must be at least 0")
        if not 1 <= self.neighbours <= 1000:
            raise ValueError("neighbours must lie in 1..1000")


class Cooc:
    """An opened co-occurrence artifact.

    ``items`` sorted by bytes. The neighbours of item ``i`` are entries ``offsets[i]..offsets[i+1]`` of
    ``neighbours`` (int32, item indices), ``weight`` (float64 in 0..1, descending, ties by index) and
    ``support`` (int32, distinct users). ``scale``: the 90th percentile of the weights.
    """

    __slots__ = ("items", "meta", "neighbours", "offsets", "scale", "support", "weight")

    def __init__(self, columns: Columns) -> None:
        self.items: Strings = columns.strings("items")
        self.offsets: npt.NDArray[np.int64] = columns["offsets"]
        self.neighbours: npt.NDArray[np.int32] = columns["neighbours"]
        self.weight: npt.NDArray[np.float64] = columns["weight"]
        self.support: npt.NDArray[np.int32] = columns["support"]
        self.meta: Mapping[str, Any] = columns.meta
        self.scale = float(columns.meta["scale"])


def open_cooc(columns: Columns, *, tenant: str) -> Cooc:
    """Open a co-occurrence artifact of this tenant; raises :class:`Unfit` for anything else."""
    check_owner(columns, KIND, tenant=tenant, format=FORMAT)
    check_scale(columns.meta.get("scale"), KIND)
    return Cooc(columns)


def check(columns: Columns, *, tenant: str) -> None:
    """Check every promise of the format; raises :class:`Unfit`."""
    opened = open_cooc(columns, tenant=tenant)
    n = check_unique(columns, "items", KIND)
    neighbours, weight, support = opened.neighbours, opened.weight, opened.support
    check_lists(columns, KIND, offsets="offsets", entries="neighbours", rows=n, codes=n)
    check_lengths(columns, KIND, len(neighbours), ("neighbours", "weight", "support"))
    require(len(neighbours) > 0, KIND, "no item has a neighbour")
    require(np.isfinite(weight).all() and (weight > 0).all(), KIND, "a weight is not a positive number")
    require((weight <= 1).all(), KIND, "a weight is above 1")
    require((support > 0).all(), KIND, "a support is not positive")
    owner = np.repeat(np.arange(n, dtype=np.int64), np.diff(opened.offsets))
    require((owner != neighbours).all(), KIND, "an item is its own neighbour")
    same = owner[:-1] == owner[1:]
    falls = (weight[:-1] > weight[1:]) | ((weight[:-1] == weight[1:]) & (neighbours[:-1] < neighbours[1:]))
    require(falls[same].all(), KIND, "neighbours are not in the order of their weights")
    pair, mirrored = owner * n + neighbours, neighbours.astype(np.int64) * n + owner
    by_pair = np.argsort(pair)
    pair = pair[by_pair]
    require((pair[:-1] != pair[1:]).all(), KIND, "an item has the same neighbour twice")
    _check_symmetric(pair, support[by_pair], mirrored, support)
    require(opened.scale == positive_scale(weight), KIND, "scale is not the 90th percentile of the weights")


def _check_symmetric(
    pair: npt.NDArray[np.int64],
    support: npt.NDArray[np.int32],
    mirrored: npt.NDArray[np.int64],
    mirrored_support: npt.NDArray[np.int32],
) -> None:
    """Where both directions of a pair were kept they must name the same number of users. ``pair`` is sorted."""
    by_mirror = np.argsort(mirrored)  # looking up in order stays in the cache: ten times as fast
    wanted = mirrored[by_mirror]
    at = np.minimum(np.searchsorted(pair, wanted), len(pair) - 1)
    both = pair[at] == wanted
    same = support[at] == mirrored_support[by_mirror]
    require(same[both].all(), KIND, "the two directions of a pair differ in support")


def tables(params: Params, *, last_day: int, days: int) -> dict[str, SmallTable]:  # noqa: ARG001 - one signature for all
    """Lay the parameters out as the tables ``cooc.sql`` reads. ``shrinkage`` is counted in thousandths."""
    columns = ("max_basket", "min_support", "shrinkage", "neighbours", "all_types")
    row = (
        params.max_basket,
        params.min_support,
        round(1000 * params.shrinkage),
        params.neighbours,
        int(not params.event_types),
    )
    return {
        "settings": SmallTable(tuple((name, "BIGINT") for name in columns), (row,)),
        "taken_types": SmallTable((("event_type", "VARCHAR"),), tuple((t,) for t in sorted(set(params.event_types)))),
    }


def finish(rows: Rows, heading: Heading) -> bytes:
    """Write the artifact.

    ``rows``: ``item_id``, ``neighbour_id``, ``weight`` (float64), ``support``; one row per kept direction
    of a pair, in any order.
    """
    left = [str(item) for item in rows["item_id"]]
    right = [str(item) for item in rows["neighbour_id"]]
    items = sorted(set(left) | set(right), key=str.encode)
    index = {item: i for i, item in enumerate(items)}
    owner = np.fromiter((index[item] for item in left), dtype=np.int64, count=len(left))
    neighbour = np.fromiter((index[item] for item in right), dtype=np.int32, count=len(right))
    weight = rows["weight"].astype(np.float64)
    by_rank = np.lexsort((neighbour, -weight, owner))
    offsets = np.zeros(len(items) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=len(items)), out=offsets[1:])
    arrays = strings("items", items) | {
        "offsets": offsets,
        "neighbours": neighbour[by_rank],
        "weight": weight[by_rank],
        "support": rows["support"].astype(np.int32)[by_rank],
    }
    return pack(KIND, heading.meta(KIND, scale=positive_scale(weight)), arrays)


COOC = Signal(name=KIND, Params=Params, scopes=("tenant",), tables=tables, finish=finish, open=open_cooc, check=check)
