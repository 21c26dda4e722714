"""Greedy choice from a pool: different enough, and not too many of one kind."""

from collections.abc import Sequence

import numpy as np

from recsys.ranking.shelf import F8, Labels, Shelf

__all__ = ["Caps", "choose", "choose_diverse"]

Scored = tuple[float, int]
"""(minus the score, item): sorts by falling score, then by item."""


class Caps:
    """How many of one tag, brand or category an answer may hold, and how many it holds so far."""

    __slots__ = ("_kinds", "_limits")

    def __init__(self, shelf: Shelf, *, per_tag: int | None, per_brand: int | None, per_category: int | None) -> None:
        wanted = (("tag", per_tag), ("brand", per_brand), ("category", per_category))
        self._kinds = [kind for kind, limit in wanted if limit is not None]
        self._limits: list[tuple[Labels, int, dict[int, int]]] = [
            (shelf.labels[kind], limit, {}) for kind, limit in wanted if limit is not None
        ]

    def __bool__(self) -> bool:
        return bool(self._limits)

    def take(self, item: int) -> bool:
        """Count an item in if every cap allows it; tell whether it did."""
        for labels, limit, counts in self._limits:
            for code in labels.of(item):
                if counts.get(code, 0) >= limit:
                    return False
        for labels, _, counts in self._limits:
            for code in labels.of(item):
                counts[code] = counts.get(code, 0) + 1
        return True

    def full(self, item: int) -> list[tuple[str, int, int]]:
        """Return the caps that refuse an item now: kind, code and limit."""
        return [
            (kind, code, limit)
            for kind, (labels, limit, counts) in zip(self._kinds, self._limits, strict=True)
            for code in labels.of(item)
            if counts.get(code, 0) >= limit
        ]


def choose(pool: Sequence[Scored], wanted: int, caps: Caps) -> list[Scored]:
    """Take the best of a sorted pool that the caps allow."""
    if not caps:
        return list(pool[:wanted])
    chosen: list[Scored] = []
    for scored in pool:
        if len(chosen) == wanted:
            break
        if caps.take(scored[1]):
            chosen.append(scored)
    return chosen


def choose_diverse(pool: Sequence[Scored], wanted: int, caps: Caps, *, tags: Labels, mmr_lambda: float) -> list[Scored]:
    """Take greedily by maximal marginal relevance (Carbonell & Goldstein 1998).

    Each step takes the largest ``λ · score/max − (1 − λ) · s``, where ``s`` is the largest Jaccard similarity
    of tags with anything taken before; ties by score, then item.
    """
    if not pool or wanted <= 0:
        return []
    alike = _alike([tags.of(item) for _, item in pool])
    value = mmr_lambda * np.array([minus for minus, _ in pool]) / -pool[0][0]
    nearest = np.zeros(len(pool))
    chosen: list[Scored] = []
    for _ in pool:
        place = int((value + (1.0 - mmr_lambda) * nearest).argmin())  # of equal ones the first
        value[place] = np.inf
        if caps.take(pool[place][1]):
            chosen.append(pool[place])
            if len(chosen) == wanted:
                break
            np.maximum(nearest, alike[place], out=nearest)
    return chosen


def _alike(coded: Sequence[Sequence[int]]) -> F8:
    """Return the Jaccard similarity of the tags of each two, shape (n, n); 0 where neither has any."""
    bits: dict[int, int] = {}
    marks = [sum(1 << bits.setdefault(code, len(bits)) for code in codes) for codes in coded]
    shared = np.zeros((len(coded), len(coded)), dtype=np.int64)
    for start in range(0, len(bits), 64):
        word = np.array([mark >> start & _WORD for mark in marks], dtype=np.uint64)
        shared += np.bitwise_count(word[:, None] & word)
    size = np.array([len(codes) for codes in coded])
    alike: F8 = shared / np.maximum(size[:, None] + size - shared, 1)
    return alike


_WORD = (1 << 64) - 1
