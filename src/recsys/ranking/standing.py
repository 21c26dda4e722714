"""Rules, compiled: what holds between two moments at which a rule starts or ends.

Compiled once per snapshot, surface, segment and such a span of time, never per request.
"""

from bisect import bisect_right
from collections.abc import Collection

import numpy as np

from recsys.documents.rules import Rule, Rules
from recsys.encoding import parse_rfc3339
from recsys.ranking.shelf import F8, I4, Flags, Shelf

__all__ = ["HEAD", "Lane", "Pin", "RuleBook", "Standing"]

HEAD = 2048
"""How many of the most popular items are kept as plain lists: nearly every request ends in them."""

_LANES = 256  # ordered lists of a tag's items kept at hand
_SPANS = 8  # compiled spans of time kept: live serving needs one or two, a replay over months a few more


class Pin:
    """A pin rule: up to ``limit`` of ``items``, in this order."""

    __slots__ = ("items", "limit", "rule")

    def __init__(self, rule: str, items: tuple[int, ...], limit: int) -> None:
        self.rule, self.items, self.limit = rule, items, limit


class Lane:
    """Items by falling ``popularity · lift``, ties by place, without what is out. ``values``: products."""

    __slots__ = ("items", "values")

    def __init__(self, items: I4, values: F8) -> None:
        self.items, self.values = items, values


class Standing:
    """What the rules, the withdrawals and availability come to during one span of time.

    ``out`` marks what is never shown, ``blocked`` the part of it that only rules keep out. ``lift`` is the
    product of ``1 + boost_value`` over the boosts that touch an item, ``None`` when no boost does.
    """

    __slots__ = (
        "_all",
        "_lanes",
        "_lift_of",
        "_rules_by_item",
        "_rules_by_label",
        "_shelf",
        "blocked",
        "head",
        "head_items",
        "head_values",
        "lift",
        "live",
        "out",
        "out_bytes",
        "pinnable",
        "pins",
        "popularity_of",
    )

    def __init__(self, shelf: Shelf, rules: list[Rule], *, withdrawn: I4) -> None:
        self._shelf = shelf
        self.popularity_of = shelf.popularity.data
        """Popularity by item number; scalar reads from a memoryview cost a third of numpy's."""
        self._rules_by_item: dict[int, list[str]] = {}
        self._rules_by_label: dict[tuple[str, int], list[str]] = {}
        self._lanes: dict[int, Lane] = {}
        gone = shelf.unavailable.copy()
        gone[withdrawn] = True
        blocked = np.zeros(shelf.size, dtype=np.bool_)
        for rule in rules:
            if rule.action in ("block", "exclude"):
                blocked[self.targets(rule)] = True
        self.blocked: Flags = blocked & ~gone
        self.out: Flags = gone | blocked
        self.out_bytes = self.out.tobytes()
        self.live = shelf.size - int(np.count_nonzero(self.out))
        self.lift = self._lifted([rule for rule in rules if rule.action == "boost"])
        self._lift_of = None if self.lift is None else self.lift.data
        self.pins = tuple(self._pin(rule) for rule in rules if rule.action == "pin")
        self.pinnable = np.array(sorted({item for pin in self.pins for item in pin.items}), dtype=np.int32)
        self._all: Lane | None = None
        self.head = self._head()
        self.head_items: list[int] = self.head.items.tolist()
        self.head_values: list[float] = self.head.values.tolist()

    def lane(self, tag: int | None) -> Lane:
        """Return every item that may be shown, or those with a tag, the best ``popularity · lift`` first."""
        if tag is None:
            if self._all is None:
                self._all = self._ordered(self._shelf.order)
            return self._all
        lane = self._lanes.get(tag)
        if lane is None:
            if len(self._lanes) >= _LANES:
                self._lanes.clear()
            lane = self._lanes[tag] = self._ordered(self._shelf.order[self._shelf.labels["tag"].places(tag)])
        return lane

    def sort(self, items: I4) -> Lane:
        """Return these items without what is out, the best ``popularity · lift`` first."""
        return self._ordered(self._shelf.order[np.sort(self._shelf.place[items])])

    def lift_of(self, item: int) -> float:
        """Return what an item's score is multiplied by."""
        return 1.0 if self._lift_of is None else self._lift_of[item]

    def boosts_on(self, item: int) -> list[str]:
        """Return the ids of the boosts that touch an item, sorted."""
        found = list(self._rules_by_item.get(item, ()))
        if self._rules_by_label:
            for kind in ("tag", "brand", "category"):
                for code in self._shelf.labels[kind].of(item):
                    found += self._rules_by_label.get((kind, code), ())
        return sorted(found)

    def _ordered(self, by_place: I4) -> Lane:
        kept = by_place[~self.out[by_place]]
        values = self._shelf.popularity[kept]
        if self.lift is not None:
            values = values * self.lift[kept]
            falling = np.argsort(-values, kind="stable")
            kept, values = kept[falling], values[falling]
        return Lane(kept, values)

    def _head(self) -> Lane:
        """Compute the first :data:`HEAD` of ``lane(None)`` without ordering everything."""
        order, size = self._shelf.order, self._shelf.size
        plain: list[I4] = []
        found, start, step = 0, 0, 2 * HEAD
        while found < HEAD and start < size:
            chunk = order[start : start + step]
            keep = ~self.out[chunk]
            if self.lift is not None:
                keep &= self.lift[chunk] == 1.0
            plain.append(chunk[keep])
            found += len(plain[-1])
            start, step = start + step, step * 4
        items = np.concatenate([*plain, np.empty(0, dtype=np.int32)])[:HEAD]
        if self.lift is not None:
            touched = np.flatnonzero((self.lift != 1.0) & ~self.out).astype(np.int32)
            both = np.concatenate([items, touched])
            items = order[np.sort(self._shelf.place[both])]
        ordered = self._ordered(items)
        return Lane(ordered.items[:HEAD], ordered.values[:HEAD])

    def _lifted(self, boosts: list[Rule]) -> F8 | None:
        lift: F8 | None = None
        for rule in boosts:
            targets = self.targets(rule)
            if not len(targets):
                continue
            if lift is None:
                lift = np.ones(self._shelf.size)
            lift[targets] *= max(0.0, 1.0 + rule.boost_value)
            if rule.target_type == "item":
                for item in targets.tolist():
                    self._rules_by_item.setdefault(item, []).append(rule.id)
            else:
                code = self._shelf.labels[rule.target_type].names.find(rule.target_key or "")
                if code is not None:
                    self._rules_by_label.setdefault((rule.target_type, code), []).append(rule.id)
        return lift

    def _pin(self, rule: Rule) -> Pin:
        targets = self.targets(rule)
        kept = targets[~self.out[targets]].tolist()
        return Pin(rule.id, tuple(kept), len(kept) if rule.max_pins is None else rule.max_pins)

    def targets(self, rule: Rule) -> I4:
        """Return what a rule matches, without repeats: items as the rule lists them, others by popularity."""
        if rule.target_type == "item":
            found = (self._shelf.find(item_id) for item_id in rule.item_ids)
            return np.array(list(dict.fromkeys(item for item in found if item is not None)), dtype=np.int32)
        labels = self._shelf.labels[rule.target_type]
        code = labels.names.find(rule.target_key or "")
        return np.empty(0, dtype=np.int32) if code is None else self._shelf.order[labels.places(code)]


class RuleBook:
    """The rules of one surface and segment, giving the :class:`Standing` of any moment."""

    def __init__(
        self, shelf: Shelf, rules: Rules, *, surface: str, segment: str | None, withdrawn: Collection[str]
    ) -> None:
        self._shelf = shelf
        numbers = sorted(item for item in map(shelf.find, withdrawn) if item is not None)
        self._withdrawn = np.array(numbers, dtype=np.int32)
        here = [
            rule
            for rule in rules
            if rule.enabled and rule.surface in (None, surface) and rule.segment in (None, segment)
        ]
        self._rules = [
            (rule, _moment(rule.valid_from, -np.inf), _moment(rule.valid_until, np.inf))
            for rule in sorted(here, key=lambda rule: (-rule.priority, rule.id))
        ]
        self._edges = sorted({edge for _, start, end in self._rules for edge in (start, end)})
        self._spans: dict[int, Standing] = {}

    def blocking(self, item: int, now: float) -> tuple[str, ...]:
        """Return the ids of the block rules that keep an item out at a moment."""
        standing = self.at(now)
        return tuple(
            sorted(
                rule.id
                for rule, start, end in self._rules
                if rule.action in ("block", "exclude") and start <= now < end and item in standing.targets(rule)
            )
        )

    def is_withdrawn(self, item: int) -> bool:
        """Tell whether an item is never to be shown."""
        return bool(np.isin(item, self._withdrawn))

    def at(self, now: float) -> Standing:
        """Return what holds at a moment (seconds since 1970); a rule's start is included, its end is not."""
        span = bisect_right(self._edges, now)
        standing = self._spans.get(span)
        if standing is None:
            if len(self._spans) >= _SPANS:
                self._spans.clear()
            valid = [rule for rule, start, end in self._rules if start <= now < end]
            standing = self._spans[span] = Standing(self._shelf, valid, withdrawn=self._withdrawn)
        return standing


def _moment(text: str | None, otherwise: float) -> float:
    return otherwise if text is None else parse_rfc3339(text, what="rule")
