"""What the ranking reads: one surface and segment of one release, ready to rank and never changing.

Items are numbered 0..n-1 in the order of their ids' UTF-8 bytes, so the smaller number is the smaller id.
Their *place* is their position in the order of popularity, 0 the most popular.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = [
    "F8",
    "I4",
    "I8",
    "KINDS",
    "Flags",
    "Labels",
    "Names",
    "Shelf",
    "norm_pos",
    "plain_label",
]

F8 = npt.NDArray[np.float64]
I4 = npt.NDArray[np.int32]
I8 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

KINDS = ("tag", "brand", "category", "country", "locale")
"""What an item can be labelled with."""


_KEPT = 4096  # labels of often shown items, decoded once: half a megabyte at most


def norm_pos(raw: F8, scale: float) -> F8:
    """Bring a signal's raw values to 0..1: ``(s/scale) / (s/scale + 1)`` above 0, else 0 (contract §4)."""
    ratio = np.maximum(raw, 0.0) / scale
    return ratio / (ratio + 1.0)


def plain_label(kind: str, name: str) -> str:
    """Write countries and locales one way (``GB``, ``en-gb``), so that spelling does not hide an item."""
    if kind == "country":
        return name.upper()
    return name.replace("_", "-").lower() if kind == "locale" else name


class Names(Protocol):
    """The vocabulary of one kind of label: code to name and back."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> str: ...

    def find(self, text: str, /) -> int | None:
        """Return the code of a name; ``None`` when no item has it."""


class Labels:
    """One kind of label, both ways round.

    Parameters
    ----------
    names
        The vocabulary; a code is an index into it.
    offsets, codes
        The labels of item ``i`` are ``codes[offsets[i]:offsets[i + 1]]``, ascending.
    place_offsets, places
        The places of the items with code ``c`` are ``places[place_offsets[c]:place_offsets[c + 1]]``,
        ascending.
    """

    __slots__ = ("_codes", "_kept", "_offsets", "_place_offsets", "_places", "any", "names", "offsets")

    def __init__(self, *, names: Names, offsets: I8, codes: I4, place_offsets: I8, places: I4) -> None:
        self.names = names
        self.offsets = offsets
        self.any = len(codes) > 0
        self._offsets = offsets.data  # scalar reads from a memoryview cost a third of numpy's
        self._codes = codes.data
        self._place_offsets = place_offsets.data
        self._places = places
        self._kept: dict[int, list[int]] = {}

    def of(self, item: int) -> list[int]:
        """Return the codes of one item, ascending. Not to be changed: the list is shared."""
        codes = self._kept.get(item)
        if codes is None:
            codes = self._codes[self._offsets[item] : self._offsets[item + 1]].tolist()
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[item] = codes
        return codes

    def names_of(self, item: int) -> list[str]:
        """Return the names of one item's labels."""
        return [self.names[code] for code in self.of(item)]

    def places(self, code: int) -> I4:
        """Return the places of the items with this label, ascending: the most popular first."""
        return self._places[self._place_offsets[code] : self._place_offsets[code + 1]]

    def count(self, code: int) -> int:
        """Return how many items have this label."""
        return self._place_offsets[code + 1] - self._place_offsets[code]

    def has(self, code: int, places: I4) -> Flags:
        """Tell for each place whether its item has this label."""
        having = self.places(code)
        if not len(having):
            return np.zeros(len(places), dtype=np.bool_)
        at = having.searchsorted(places)
        found: Flags = having.take(at, mode="clip") == places
        return found

    def labelled(self, items: I4 | I8) -> Flags:
        """Tell for each item whether it has any label of this kind."""
        return self.offsets[items + 1] > self.offsets[items]


class Shelf(Protocol):
    """Everything an answer depends on besides config, rules, withdrawals, the request and the moment."""

    @property
    def size(self) -> int:
        """How many items there are: n."""

    @property
    def signals(self) -> frozenset[str]:
        """Which signals are here."""

    @property
    def popularity(self) -> F8:
        """``norm_pos`` of each item's popularity, shape (n,); 0 where there is none."""

    @property
    def order(self) -> I4:
        """Items by falling popularity, ties by item, shape (n,).

        Items without any come last, by the popularity of the wider scope, then by item.
        """

    @property
    def place(self) -> I4:
        """The inverse of ``order``, shape (n,)."""

    @property
    def unavailable(self) -> Flags:
        """Items the catalogue says cannot be had, shape (n,)."""

    @property
    def price(self) -> F8:
        """Prices, shape (n,); NaN where unknown."""

    @property
    def created_at(self) -> F8:
        """Seconds since 1970, shape (n,); NaN where unknown."""

    @property
    def labels(self) -> Mapping[str, Labels]:
        """The labels by kind, every kind of :data:`KINDS`."""

    def find(self, item_id: str, /) -> int | None:
        """Return the number of an item; ``None`` when it is not here."""

    def id_of(self, item: int, /) -> str:
        """Return the id of an item."""

    def neighbours(self, signal: str, anchors: Sequence[int], /) -> tuple[I4, F8, list[int]]:
        """Return what a signal of :data:`NEIGHBOURS` knows about other items from these.

        The neighbours of each anchor one after the other, in the order given, an item as often as it is a
        neighbour; their weights, for ``cooc`` divided by its scale; and for each anchor how many it has.
        Empty for a signal that is not here.
        """
