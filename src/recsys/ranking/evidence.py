"""What the anchors say about other items: neighbours' weights summed, item by item."""

from collections.abc import Sequence

import numpy as np

from recsys.ranking.shelf import F8, I4, Shelf

__all__ = ["Evidence"]

_spare: list[F8] = []  # all-zero arrays between two requests; a thread takes one out while it uses it


class Evidence:
    """The sum over the anchors of ``weight / scale``, for every item that is a neighbour of one.

    ``items`` may name an item more than once. Give the working array back with :meth:`close`: it is n
    numbers, and clearing only what was touched is what makes a request cheap.
    """

    __slots__ = ("_sums", "items", "knowing", "sum_of")

    def __init__(self, shelf: Shelf, signal: str, anchors: Sequence[int]) -> None:
        """Sum in the order of the anchors' numbers: the order of the request's list changes nothing."""
        self.items: I4
        self.items, weights, self.knowing = shelf.neighbours(signal, sorted(anchors))
        self._sums = _borrow(shelf.size)
        np.add.at(self._sums, self.items, weights)
        self.sum_of = self._sums.data
        """The sum by item number."""

    def values(self) -> F8:
        """Return ``norm_pos`` of each of ``items``."""
        sums = self._sums.take(self.items)
        return sums / (sums + 1.0)

    def close(self) -> None:
        """Clear and give back the working array."""
        self._sums[self.items] = 0.0
        _spare.append(self._sums)


def _borrow(size: int) -> F8:
    try:
        sums = _spare.pop()
    except IndexError:
        return np.zeros(size)
    return sums if len(sums) >= size else np.zeros(size)
