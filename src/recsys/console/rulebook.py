"""Rules as people read them: what each does, to which items, when, and whether it does now."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from recsys.documents import Rule, Rules
from recsys.encoding import parse_rfc3339
from recsys.ranking import Shelf
from recsys.snapshot import Snapshot

__all__ = ["RuleRow", "rule_rows"]

State = Literal["in force", "off", "not yet", "over"]
_MOST_NAMED = 4
"""Items that are named in a row; the document has them all."""


class RuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. ``does`` is a verb with its measure; ``matches``: the items that this host knows, as (id, title or
    nothing), the first of ``matched``; ``listed``: how many the rule names itself, 0 for a tag, brand or category.

    ``matched`` is ``None`` where nothing is served here that could tell.
    """

    rule: Rule
    state: State
    does: str
    what: str
    where: str
    matches: tuple[tuple[str, str], ...]
    matched: int | None
    listed: int

    @property
    def unknown(self) -> int:
        """How many of the items it lists are in no catalogue and no signal."""
        return 0 if self.matched is None or not self.listed else self.listed - self.matched


def rule_rows(rules: Rules, snapshot: Snapshot | None, *, now: float) -> tuple[RuleRow, ...]:
    """Return a row for each rule, those in force first, each in the order in which rules are applied.

    Parameters
    ----------
    snapshot
        What this host serves, to say what rules match.
    now
        Seconds since 1970.
    """
    rows = (_row(rule, snapshot, now) for rule in rules)
    order: tuple[State, ...] = ("in force", "not yet", "off", "over")
    return tuple(sorted(rows, key=lambda row: (order.index(row.state), -row.rule.priority, row.rule.id)))


def _row(rule: Rule, snapshot: Snapshot | None, now: float) -> RuleRow:
    shelves = [] if snapshot is None else list(_shelves(snapshot, rule))
    known = [item for item in rule.item_ids if any(shelf.find(item) is not None for shelf in shelves)]
    if rule.target_type == "item":
        matched = len(known)
    else:
        matched = max((_labelled(shelf, rule) for shelf in shelves), default=0)
    named = (known or rule.item_ids)[:_MOST_NAMED]
    titles = {} if snapshot is None else snapshot.titles(named)
    return RuleRow(
        rule=rule,
        state=_state(rule, now),
        does=_does(rule),
        what=f"{rule.target_type} {rule.target_key}" if rule.target_type != "item" else "",
        where="/".join(part for part in (rule.surface or "every surface", rule.segment) if part),
        matches=tuple((item, titles.get(item, "")) for item in named),
        matched=matched if shelves else None,
        listed=len(rule.item_ids),
    )


def _shelves(snapshot: Snapshot, rule: Rule) -> Iterable[Shelf]:
    for surface in snapshot.surfaces():
        shelf = snapshot.shelf(surface, rule.segment) if rule.surface in (None, surface) else None
        if shelf is not None:
            yield shelf


def _labelled(shelf: Shelf, rule: Rule) -> int:
    labels = shelf.labels[rule.target_type]
    code = labels.names.find(rule.target_key or "")
    return 0 if code is None else labels.count(code)


def _state(rule: Rule, now: float) -> State:
    if not rule.enabled:
        return "off"
    if rule.valid_from is not None and now < parse_rfc3339(rule.valid_from):
        return "not yet"
    if rule.valid_until is not None and now >= parse_rfc3339(rule.valid_until):
        return "over"
    return "in force"


def _does(rule: Rule) -> str:
    if rule.action == "pin":
        return "pins to the top" + (f", at most {rule.max_pins}" if rule.max_pins is not None else "")
    if rule.action != "boost":
        return "blocks"
    if rule.boost_value == -1:
        return "lowers to nothing"
    verb = "raises" if rule.boost_value >= 0 else "lowers"
    return f"{verb} the score by {abs(rule.boost_value):,.0%}"
