"""Greedy choice from a pool: different enough, and not too many of one kind."""

from collections.abc import Sequence
from heapq import heappop, heappush, heapreplace

from recsys.ranking.shelf import Labels, Shelf

__all__ = ["Caps", "choose", "choose_diverse"]

Scored = tuple[float, int]
"""(minus the score, item): sorts by falling score, then by item."""


class Caps:
    """How many of one tag, brand or category an answer may hold, and how many it holds so far."""

    __slots__ = ("_limits",)

    def __init__(self, shelf: Shelf, *, per_tag: int | None, per_brand: int | None, per_category: int | None) -> None:
        wanted = (("tag", per_tag), ("brand", per_brand), ("category", per_category))
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
    of tags with anything taken before; ties by score, then item. An item's value only falls as more is taken,
    so an old value bounds a new one: only items that come to the top of the heap are looked at again.
    """
    if not pool or wanted <= 0:
        return []
    top = -pool[0][0]
    bits: dict[int, int] = {}
    chosen: list[Scored] = []
    chosen_marks: list[tuple[int, int]] = []
    # (minus the value, minus the score, item, tags as bits, how many, largest similarity, compared with so many)
    heap: list[tuple[float, float, int, int, int, float, int]] = []
    coming, end = 0, len(pool)
    while len(chosen) < wanted and (heap or coming < end):
        if coming < end:
            minus, item = pool[coming]
            bound = mmr_lambda * minus / top
            if not heap or bound <= heap[0][0]:
                coming += 1
                codes = tags.of(item)
                heappush(heap, (bound, minus, item, _marks(codes, bits), len(codes), 0.0, 0))
                continue
        _, minus, item, marks, size, nearest, seen = heap[0]
        if seen < len(chosen):
            for other, other_size in chosen_marks[seen:]:
                both = marks & other
                if both:
                    shared = both.bit_count()
                    near = shared / (size + other_size - shared)
                    nearest = max(nearest, near)
            value = mmr_lambda * minus / top + (1.0 - mmr_lambda) * nearest
            heapreplace(heap, (value, minus, item, marks, size, nearest, len(chosen)))
            continue
        heappop(heap)
        if caps.take(item):
            chosen.append((minus, item))
            chosen_marks.append((marks, size))
    return chosen


def _marks(codes: list[int], bits: dict[int, int]) -> int:
    marks = 0
    for code in codes:
        marks |= 1 << bits.setdefault(code, len(bits))
    return marks
