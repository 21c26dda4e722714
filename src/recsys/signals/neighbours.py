"""The artifact of every item-to-item signal: for each item its nearest neighbours, each with a weight."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.signals.artifact import FORMAT, Heading, check_scale, check_scaled, positive_scale, those_named
from recsys.signals.signal import Rows
from recsys.store.columns import Columns, Strings, pack, strings
from recsys.store.soundness import check_lengths, check_lists, check_owner, check_types, check_unique, require

__all__ = [
    "Neighbours",
    "check_kept",
    "check_neighbours",
    "check_shrinkage",
    "nearest",
    "open_neighbours",
    "pack_neighbours",
]

MANY = 10**9
"""More than a shop has users; the engines count in 64 bits, thousandths too."""
_TYPES = {"offsets": "i8", "neighbours": "i4", "weight": "f8"}


class Neighbours:
    """An opened artifact of an item-to-item signal.

    ``items`` sorted by bytes. The neighbours of item ``i`` are entries ``offsets[i]..offsets[i+1]`` of
    ``neighbours`` (int32, item indices) and ``weight`` (float64 in (0, 1], descending, ties by index).
    ``scale``: the 90th percentile of the weights. Whoever ranks sums or averages the weights over a visitor's
    anchors; nothing of one person is in here.
    """

    __slots__ = ("items", "meta", "neighbours", "offsets", "scale", "weight")

    def __init__(self, columns: Columns) -> None:
        self.items: Strings = columns.strings("items")
        self.offsets: npt.NDArray[np.int64] = columns["offsets"]
        self.neighbours: npt.NDArray[np.int32] = columns["neighbours"]
        self.weight: npt.NDArray[np.float64] = columns["weight"]
        self.meta: Mapping[str, Any] = columns.meta
        self.scale = float(columns.meta["scale"])

    def owners(self) -> npt.NDArray[np.int64]:
        """Return whose neighbour each entry is: item indices, one per entry."""
        return np.repeat(np.arange(len(self.items), dtype=np.int64), np.diff(self.offsets))


def open_neighbours(columns: Columns, *, kind: str, tenant: str) -> Neighbours:
    """Open an artifact of this signal and tenant; raises :class:`Unfit` for anything else."""
    check_owner(columns, kind, tenant=tenant, format=FORMAT)
    check_scale(columns.meta.get("scale"), kind)
    return Neighbours(columns)


def check_neighbours(columns: Columns, *, kind: str, tenant: str, itself: bool = False) -> None:
    """Check every promise of the format; raises :class:`Unfit`. ``itself``: an item may be its own neighbour."""
    opened = open_neighbours(columns, kind=kind, tenant=tenant)
    check_types(columns, _TYPES)
    n = check_unique(columns, "items", kind)
    neighbours, weight = opened.neighbours, opened.weight
    check_lists(columns, kind, offsets="offsets", entries="neighbours", rows=n, codes=n)
    check_lengths(columns, kind, len(neighbours), ("neighbours", "weight"))
    require(len(neighbours) > 0, kind, "no item has a neighbour")
    require(np.isfinite(weight).all() and (weight > 0).all(), kind, "a weight is not a positive number")
    require((weight <= 1).all(), kind, "a weight is above 1")
    owner = opened.owners()
    require(itself or (owner != neighbours).all(), kind, "an item is its own neighbour")
    same = owner[:-1] == owner[1:]
    falls = (weight[:-1] > weight[1:]) | ((weight[:-1] == weight[1:]) & (neighbours[:-1] < neighbours[1:]))
    require(falls[same].all(), kind, "neighbours are not in the order of their weights")
    pair = np.sort(owner * n + neighbours)
    require((pair[:-1] != pair[1:]).all(), kind, "an item has the same neighbour twice")
    require(opened.scale == positive_scale(weight), kind, "scale is not the 90th percentile of the weights")
    check_scaled(weight, opened.scale, kind)


def pack_neighbours(kind: str, rows: Rows, heading: Heading, *, counts: tuple[str, ...] = ()) -> bytes:
    """Write the artifact.

    ``rows``: ``item`` and ``neighbour`` (indices into ``items``), ``weight`` (float64 in (0, 1]); one row per kept
    direction of a pair, in any order. ``items``: ids, ascending by their bytes. ``counts``: further columns of whole
    numbers to keep beside the weights.
    """
    items, (owner, neighbour) = those_named(rows["items"], rows["item"], rows["neighbour"])
    weight = rows["weight"].astype(np.float64)
    by_rank = np.lexsort((neighbour, -weight, owner))
    offsets = np.zeros(len(items) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=len(items)), out=offsets[1:])
    arrays = strings("items", items) | {
        "offsets": offsets,
        "neighbours": neighbour[by_rank],
        "weight": weight[by_rank],
    }
    arrays |= {name: rows[name].astype(np.int32)[by_rank] for name in counts}
    return pack(kind, heading.meta(kind, scale=positive_scale(weight)), arrays)


def nearest(
    others: npt.NDArray[np.integer[Any]], weight: npt.NDArray[np.float64], *, item: int, items: int, keep: int
) -> npt.NDArray[np.int64]:
    """Choose one item's neighbours among ``others`` (item indices): return the places of the largest positive weights.

    Where the cut falls among equal weights, those that come after the item in the ring of all items stay: were it
    simply the smallest, the first ids of a shop would be everyone's neighbours.
    """
    places = np.flatnonzero(weight > 0)
    if len(places) > keep:
        last = np.partition(weight[places], -keep)[-keep]
        places = places[weight[places] >= last]
    around = (others[places].astype(np.int64) - item) % items
    return places[np.lexsort((around, -weight[places]))[:keep]]


def check_kept(neighbours: int, *, min_support: int = 1) -> None:
    """Refuse parameters no list of neighbours can be kept by."""
    if not 1 <= min_support <= MANY:
        raise ValueError(f"min_support must lie in 1..{MANY}")
    if not 1 <= neighbours <= 1000:
        raise ValueError("neighbours must lie in 1..1000: a host keeps 12 bytes for each, of every item")


def check_shrinkage(shrinkage: float) -> None:
    """Refuse a shrinkage that would not hold back, or that its thousandths could not be counted of."""
    if not 0 <= shrinkage <= MANY:
        raise ValueError(f"shrinkage must lie in 0..{MANY}")
