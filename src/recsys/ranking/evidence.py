"""What the anchors say about other items: the neighbours of each, by every signal that counts."""

from collections.abc import Iterable

import numpy as np

from recsys.ranking.anchors import RECENCY, Anchored
from recsys.ranking.shelf import F8, I4, I8, Shelf
from recsys.ranking.weights import Weights
from recsys.signals import COSINES, SIGNALS

__all__ = ["Evidence"]

_spare: list[I8] = []  # all-zero arrays between two requests; a thread takes one out while it uses it


class Evidence:
    """The weighted sum of the signals' norms, for every item that is a neighbour of an anchor.

    ``items`` holds these items, as often as one is a neighbour, shape (m,). Each has a slot of its own in 1..m, and
    slot 0 stands for all others: ``slots[item]`` is an item's slot, ``values[slot]`` what the signals say for it.
    ``norms`` holds each signal's norm by slot, shape (m + 1,), ``knowing`` of how many anchors it knows neighbours.

    Give the working array back with :meth:`close`: it is n numbers, and clearing only what was touched is what
    makes a request cheap.
    """

    __slots__ = (
        "_anchors",
        "_at",
        "_near",
        "_slots",
        "_values",
        "_weights",
        "items",
        "knowing",
        "norms",
        "slots",
        "values",
    )

    def __init__(self, shelf: Shelf, anchored: Anchored, weights: Weights) -> None:
        """Sum in the order of the anchors' numbers: the order of the request's list changes no last digit.

        There must be a signal that ``weights`` reads, and an anchor that was asked for.
        """
        self._weights, self._anchors = weights, anchored.items
        self.norms: dict[str, F8] = {}
        self.knowing: dict[str, int] = {}
        self._near = near = [_near(shelf, signal, anchored) for signal in weights.reads]
        joined = near[0][0] if len(near) == 1 else np.concatenate([items for items, _, _ in near])
        self.items = joined.astype(np.int64)  # numpy looks up by these in half the time
        self._slots = _borrow(shelf.size)
        self._slots[self.items] = np.arange(1, len(joined) + 1)  # of several entries the last one's slot stands
        self._at = self._slots.take(self.items)
        start, size = 0, len(joined) + 1
        for signal, (items, strengths, counts) in zip(weights.reads, near, strict=True):
            sums = np.bincount(self._at[start : start + len(items)], strengths, size).astype(np.float64, copy=False)
            self.norms[signal] = _norm(signal, sums, anchored)
            self.knowing[signal] = len(counts) - counts.count(0)
            start += len(items)
        self._values = self._weighted(size)
        self.slots = self._slots.data  # scalar reads from a memoryview cost a third of numpy's
        self.values = self._values.data

    def _weighted(self, size: int) -> F8:
        values: F8 | None = None
        for signal, weight in self._weights.neighbours:
            if signal in self.norms:
                part = weight * self.norms[signal]
                values = part if values is None else values + part
        cosines = [self.norms[signal] for signal in COSINES if signal in self.norms]
        if self._weights.emb > 0.0 and cosines:
            best = cosines[0]
            for norm in cosines[1:]:
                best = np.maximum(best, norm)
            part = self._weights.emb * best
            values = part if values is None else values + part
        return np.zeros(size) if values is None else values

    def scores(self) -> F8:
        """Return what the signals say for each of ``items``."""
        return self._values.take(self._at)

    def parts(self, item: int) -> dict[str, float]:
        """Return what each signal adds to an item's score. What ``emb`` adds stands under the signal it came from."""
        slot = self.slots[item]
        norms = {signal: float(norm[slot]) for signal, norm in self.norms.items()}
        found = {signal: weight * norms[signal] for signal, weight in self._weights.neighbours if signal in norms}
        cosines = [signal for signal in COSINES if signal in norms]
        if self._weights.emb > 0.0 and cosines:
            best = max(cosines, key=lambda signal: norms[signal])
            found[best] = found.get(best, 0.0) + self._weights.emb * norms[best]
        return found

    def strongest(self, items: Iterable[int]) -> dict[tuple[str, int], int]:
        """Return, by signal and item of these, the anchor that says most for it; of equal ones the smallest."""
        asked = np.zeros(len(self.items) + 1, dtype=np.bool_)
        asked[[self.slots[item] for item in items]] = True
        asked[0] = False
        wanted = asked.take(self._at)
        anchor: dict[tuple[str, int], int] = {}
        most: dict[tuple[str, int], float] = {}
        start = 0
        for signal, (others, strengths, counts) in zip(self._weights.reads, self._near, strict=True):
            found = np.flatnonzero(wanted[start : start + len(others)])
            lists = np.cumsum(counts).searchsorted(found, side="right")
            start += len(others)
            entries = zip(others[found].tolist(), strengths[found].tolist(), lists.tolist(), strict=True)
            for item, strength, place in entries:
                if strength > most.get((signal, item), 0.0):
                    most[signal, item], anchor[signal, item] = strength, self._anchors[place]
        return anchor

    def close(self) -> None:
        """Clear and give back the working array."""
        self._slots[self.items] = 0
        _spare.append(self._slots)


def _near(shelf: Shelf, signal: str, anchored: Anchored) -> tuple[I4, F8, list[int]]:
    """Return a signal's neighbours of the anchors; those of sessions weigh as recent as their anchor is."""
    items, strengths, counts = shelf.neighbours(signal, anchored.items)
    if SIGNALS[signal].near == "recent":
        strengths = strengths * np.repeat([RECENCY[place] for place in anchored.places], counts)
    return items, strengths, counts


def _norm(signal: str, sums: F8, anchored: Anchored) -> F8:
    """Bring a signal's sums over the anchors to 0..1 (contract §4).

    Where weights are the coefficients of a regression, as those of ``implicit``, their sum is its prediction. Likeness
    and steps are averaged: a long history is no more alike to anything than a short one.
    """
    match SIGNALS[signal].near:
        case "scaled":
            return sums / (sums + 1.0)
        case "mean":
            sums = sums / float(anchored.asked)
        case "recent":
            sums = sums / anchored.recency
    return np.minimum(sums, 1.0)


def _borrow(size: int) -> I8:
    try:
        slots = _spare.pop()
    except IndexError:
        return np.zeros(size, dtype=np.int64)
    return slots if len(slots) >= size else np.zeros(size, dtype=np.int64)
