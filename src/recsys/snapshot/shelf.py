"""A shelf on mapped files."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from recsys.ranking.shelf import F8, I4, KINDS, Flags, Labels
from recsys.store.columns import Columns, Malformed

__all__ = ["MappedShelf"]

_NAMES_KEPT = 4096  # ids of often served items, decoded once: half a megabyte at most


class MappedShelf:
    """A :class:`~recsys.ranking.shelf.Shelf` on what ``compile_shelf`` wrote and the artifacts beside it."""

    __slots__ = (
        "_bucket",
        "_bytes",
        "_from_rows",
        "_kept",
        "_lists",
        "_mask",
        "_near",
        "_offsets",
        "_rows",
        "_scale",
        "_starts",
        "_weights",
        "created_at",
        "labels",
        "order",
        "place",
        "popularity",
        "price",
        "signals",
        "size",
        "unavailable",
    )

    def __init__(self, compiled: Columns, *, cooc: Columns | None) -> None:
        self.size = int(compiled.meta["items"])
        self.signals = frozenset(compiled.meta["signals"])
        self.popularity: F8 = compiled["popularity"]
        self.order: I4 = compiled["order"]
        self.place: I4 = compiled["place"]
        self.unavailable: Flags = compiled["unavailable"]
        self.price: F8 = compiled["price"]
        self.created_at: F8 = compiled["created_at"]
        self.labels = {kind: _labels(compiled, f"label.{kind}") for kind in KINDS}
        # scalar reads from a memoryview cost a third of numpy's
        self._offsets = compiled["items.offsets"].data
        self._bytes = compiled["items.bytes"].data
        self._starts = compiled["bucket.starts"].data
        self._bucket = compiled["bucket.items"].data
        self._mask = len(self._starts) - 2
        self._kept: dict[int, str] = {}
        if ("cooc" in self.signals) != (cooc is not None):
            raise Malformed("the shelf and its neighbours do not belong together")
        if cooc is not None:
            self._lists = cooc["offsets"].data
            self._near: I4 = cooc["neighbours"]
            self._weights: F8 = cooc["weight"]
            self._scale = float(cooc.meta["scale"])
            remapped = "cooc.items" in compiled
            self._rows = compiled["cooc.rows"].data if remapped else None
            self._from_rows: I4 | None = compiled["cooc.items"] if remapped else None

    def find(self, item_id: str, /) -> int | None:
        """Return the number of an item; ``None`` when it is not here."""
        try:
            key = item_id.encode()
        except UnicodeEncodeError:  # half of a surrogate pair is no id of ours
            return None
        slot = crc32(key) & self._mask
        offsets = self._offsets
        for item in self._bucket[self._starts[slot] : self._starts[slot + 1]]:
            if self._bytes[offsets[item] : offsets[item + 1]] == key:
                return int(item)
        return None

    def id_of(self, item: int, /) -> str:
        """Return the id of an item."""
        name = self._kept.get(item)
        if name is None:
            name = self._bytes[self._offsets[item] : self._offsets[item + 1]].tobytes().decode()
            if len(self._kept) >= _NAMES_KEPT:
                self._kept.clear()
            self._kept[item] = name
        return name

    def neighbours(self, signal: str, anchors: Sequence[int], /) -> tuple[I4, F8, int]:
        """Return the anchors' neighbours, their scaled weights, and how many anchors have any."""
        items: list[I4] = []
        weights: list[F8] = []
        if signal in self.signals and signal == "cooc":
            rows, lists, near, weight = self._rows, self._lists, self._near, self._weights
            for anchor in anchors:
                row = anchor if rows is None else rows[anchor]
                if row >= 0 and (start := lists[row]) < (end := lists[row + 1]):
                    items.append(near[start:end])
                    weights.append(weight[start:end])
        if not items:
            return np.empty(0, dtype=np.int32), np.empty(0), 0
        found, strength = np.concatenate(items), np.concatenate(weights)
        strength /= self._scale
        return (found if self._from_rows is None else self._from_rows.take(found)), strength, len(items)


def _labels(compiled: Columns, prefix: str) -> Labels:
    return Labels(
        names=compiled.strings(f"{prefix}.names"),
        offsets=compiled[f"{prefix}.offsets"],
        codes=compiled[f"{prefix}.codes"],
        place_offsets=compiled[f"{prefix}.place_offsets"],
        places=compiled[f"{prefix}.places"],
    )
