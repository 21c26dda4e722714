"""A shelf on mapped files."""

from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np

from recsys.ranking.shelf import F8, I4, KINDS, Flags, Labels
from recsys.signals import COSINES
from recsys.store.columns import Columns, Malformed

__all__ = ["MappedShelf"]

_NAMES_KEPT = 4096  # ids of often served items, decoded once: half a megabyte at most


class MappedShelf:
    """A :class:`~recsys.ranking.shelf.Shelf` on what ``compile_shelf`` wrote and the artifacts beside it."""

    __slots__ = (
        "_bucket",
        "_bytes",
        "_kept",
        "_mask",
        "_near",
        "_offsets",
        "_starts",
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

    def __init__(self, compiled: Columns, near: Mapping[str, Columns]) -> None:
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
        if self.signals - {"popularity"} != near.keys():
            raise Malformed("the shelf and its neighbours do not belong together")
        self._near = {signal: _Lists(signal, columns, compiled) for signal, columns in near.items()}

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
            name = str(self._bytes[self._offsets[item] : self._offsets[item + 1]], "utf-8")
            if len(self._kept) >= _NAMES_KEPT:
                self._kept.clear()
            self._kept[item] = name
        return name

    def neighbours(self, signal: str, anchors: Sequence[int], /) -> tuple[I4, F8, list[int]]:
        """Return the anchors' neighbours, their weights, and how many each anchor has."""
        lists = self._near.get(signal)
        return (_NO_ITEMS, _NO_WEIGHTS, [0] * len(anchors)) if lists is None else lists.of(anchors)


class _Lists:
    """The neighbours one signal knows: its artifact as it is, in the numbers of the shelf."""

    __slots__ = ("_from_rows", "_items", "_offsets", "_rows", "_scale", "_weights")

    def __init__(self, signal: str, artifact: Columns, compiled: Columns) -> None:
        self._offsets = artifact["offsets"].data
        self._items: I4 = artifact["neighbours"]
        self._weights: F8 = artifact["weight"]
        self._scale = 1.0 if signal in COSINES else float(artifact.meta["scale"])
        remapped = f"{signal}.items" in compiled
        self._rows = compiled[f"{signal}.rows"].data if remapped else None
        self._from_rows: I4 | None = compiled[f"{signal}.items"] if remapped else None

    def of(self, anchors: Sequence[int]) -> tuple[I4, F8, list[int]]:
        """Return what :meth:`MappedShelf.neighbours` does."""
        rows, offsets = self._rows, self._offsets
        items: list[I4] = []
        weights: list[F8] = []
        counts: list[int] = []
        for anchor in anchors:
            row = anchor if rows is None else rows[anchor]
            start, end = (offsets[row], offsets[row + 1]) if row >= 0 else (0, 0)
            counts.append(end - start)
            if start < end:
                items.append(self._items[start:end])
                weights.append(self._weights[start:end])
        if not items:
            return _NO_ITEMS, _NO_WEIGHTS, counts
        found, strengths = (
            (items[0], weights[0]) if len(items) == 1 else (np.concatenate(items), np.concatenate(weights))
        )
        if self._scale != 1.0:
            strengths = strengths / self._scale
        return (found if self._from_rows is None else self._from_rows.take(found)), strengths, counts


_NO_ITEMS: I4 = np.empty(0, dtype=np.int32)
_NO_WEIGHTS: F8 = np.empty(0)


def _labels(compiled: Columns, prefix: str) -> Labels:
    return Labels(
        names=compiled.strings(f"{prefix}.names"),
        offsets=compiled[f"{prefix}.offsets"],
        codes=compiled[f"{prefix}.codes"],
        place_offsets=compiled[f"{prefix}.place_offsets"],
        places=compiled[f"{prefix}.places"],
    )
