"""The rules document: pin, boost and block, as merchandisers write them."""

import math
from typing import Any, Literal

import msgspec

from recsys.documents.config import MAX_ID_LENGTH
from recsys.encoding import Invalid, canonical, convert, decode, did_you_mean, parse_rfc3339
from recsys.errors import NotFound
from recsys.store.names import check_name

__all__ = ["Rule", "Rules", "canonical_rules", "check_rules", "read_rules", "with_rule_enabled"]

WHAT = "rules document"

MAX_BYTES = 16_777_216
"""Read at every switch of a release and kept per release: ten thousand rules fit, a data set does not."""
MAX_RULES = 10_000
"""Every rule is matched against the surface at each switch, and people must be able to read the list."""
MAX_ITEM_IDS = 10_000
"""More items than this are a tag, not a list."""
MAX_BOOST = 1e6
"""A larger factor orders like a pin and hides every other part of the score."""
MAX_PINS = 200
"""No answer is longer by default."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule.

    ``target_type`` says what is matched: items by ``item_ids``; a tag, brand or category by ``target_key``.
    Without ``surface`` or ``segment`` it applies everywhere. Higher ``priority`` first, then by ``id``.
    ``boost_value`` is added to 1 and multiplies the score: 0.5 raises by half, -1 takes it to 0.
    ``valid_from`` is included, ``valid_until`` not. ``exclude`` is accepted for ``block`` and read as it.
    """

    id: str
    action: Literal["pin", "boost", "block", "exclude"]
    target_type: Literal["item", "tag", "brand", "category"] = "item"
    item_ids: tuple[str, ...] = ()
    target_key: str | None = None
    surface: str | None = None
    segment: str | None = None
    priority: int = 0
    enabled: bool = True
    valid_from: str | None = None
    valid_until: str | None = None
    boost_value: float = 0.0
    max_pins: int | None = None


Rules = tuple[Rule, ...]


def read_rules(data: bytes) -> Rules:
    """Read and check a rules document; raises ``Invalid`` naming the rule and the field.

    Returned in the order of their ids: the document is a set; ``priority``, then ``id``, orders rules.
    """
    if len(data) > MAX_BYTES:
        raise Invalid(WHAT, f"{len(data)} bytes, and {MAX_BYTES} is the most")
    return _checked(decode(data, Rules, what=WHAT))


def check_rules(rules: object) -> Rules:
    """Check rules that are plain values or :class:`Rule` already; as :func:`read_rules`.

    What types cannot say: unique ids, a target for every rule, boosts of at least -1, windows in order.
    """
    return _checked(convert(msgspec.to_builtins(rules), Rules, what=WHAT))


def canonical_rules(data: bytes) -> bytes:
    """Check a rules document as a person put it; return the bytes to store: their digest is its version.

    Sorted by id and with ``block`` for ``exclude``: the same rules have the same version however listed.
    """
    read_rules(data)
    return _stored(msgspec.json.decode(data))


def with_rule_enabled(data: bytes, rule_id: str, *, enabled: bool) -> bytes:
    """Return the document with one rule switched on or off and nothing else changed.

    Raises :class:`~recsys.errors.NotFound` when no rule has that id, with the nearest that has.
    """
    rules: list[dict[str, Any]] = msgspec.json.decode(data)
    found = [rule for rule in rules if rule["id"] == rule_id]
    if not found:
        near = did_you_mean(rule_id, [rule["id"] for rule in rules][:20])
        raise NotFound(f"there is no rule `{rule_id}`", next_step=near or "the rules document is empty")
    found[0].pop("enabled", None)
    if not enabled:
        found[0]["enabled"] = False
    return _stored(rules)


def _stored(rules: list[dict[str, Any]]) -> bytes:
    for rule in rules:
        if rule["action"] == "exclude":
            rule["action"] = "block"
    return canonical(sorted(rules, key=lambda rule: rule["id"].encode()))


def _checked(rules: Rules) -> Rules:
    if len(rules) > MAX_RULES:
        raise Invalid(WHAT, f"{len(rules)} rules, and {MAX_RULES} is the most")
    seen: set[str] = set()
    for rule in rules:
        if not 0 < len(rule.id) <= MAX_ID_LENGTH:
            raise Invalid(WHAT, f"a rule id of {len(rule.id)} characters; 1..{MAX_ID_LENGTH} are allowed")
        if rule.id in seen:
            raise Invalid(WHAT, f"two rules have the id `{rule.id}`", suggestion="give one of them another id")
        seen.add(rule.id)
        _check_target(rule)
        _check_scope(rule)
        _check_values(rule)
    ordered = sorted(rules, key=lambda rule: rule.id.encode())
    return tuple(
        msgspec.structs.replace(rule, action="block") if rule.action == "exclude" else rule for rule in ordered
    )


def _check_target(rule: Rule) -> None:
    if rule.target_type == "item":
        if not rule.item_ids:
            raise _wrong(rule, "`item_ids` is empty, so it matches nothing", "name the items")
        if rule.target_key is not None:
            raise _wrong(rule, "`target_key` has no meaning for items", "use `item_ids`, or set `target_type`")
    else:
        if rule.action == "pin":
            raise _wrong(rule, f"a pin needs items, and this targets a {rule.target_type}", "use `item_ids`, or boost")
        if not rule.target_key:
            raise _wrong(rule, f"`target_key` is missing: which {rule.target_type}?", "")
        if rule.item_ids:
            raise _wrong(rule, f"`item_ids` has no meaning for a {rule.target_type}", "use `target_key`")
        if len(rule.target_key) > MAX_ID_LENGTH:
            raise _wrong(rule, f"`target_key` has {len(rule.target_key)} characters", f"{MAX_ID_LENGTH} is the most")
    if len(rule.item_ids) > MAX_ITEM_IDS:
        raise _wrong(rule, f"`item_ids` has {len(rule.item_ids)} items, and {MAX_ITEM_IDS} is the most", "use a tag")
    if len(set(rule.item_ids)) != len(rule.item_ids):
        raise _wrong(rule, "`item_ids` names an item twice", "remove one")
    if any(not 0 < len(item_id) <= MAX_ID_LENGTH for item_id in rule.item_ids):
        raise _wrong(rule, f"`item_ids` has an id that is empty or longer than {MAX_ID_LENGTH} characters", "")


def _check_scope(rule: Rule) -> None:
    for what, name in (("surface", rule.surface), ("segment", rule.segment)):
        if name is not None:
            try:
                check_name(name, what=what)
            except Invalid as error:
                raise _wrong(rule, error.message, error.next_step) from None
    try:
        since = None if rule.valid_from is None else parse_rfc3339(rule.valid_from, what="`valid_from`")
        until = None if rule.valid_until is None else parse_rfc3339(rule.valid_until, what="`valid_until`")
    except Invalid as error:
        raise _wrong(rule, error.message, error.next_step) from None
    if since is not None and until is not None and since >= until:
        raise _wrong(rule, f"it ends at {rule.valid_until}, before it begins at {rule.valid_from}", "")


def _check_values(rule: Rule) -> None:
    if not math.isfinite(rule.boost_value) or not -1 <= rule.boost_value <= MAX_BOOST:
        raise _wrong(
            rule,
            f"`boost_value` is {rule.boost_value}",
            f"it must lie in -1..{MAX_BOOST:g}; -1 takes a score to 0",
        )
    if rule.action != "boost" and rule.boost_value != 0:
        raise _wrong(rule, f"`boost_value` has no meaning for a {rule.action}", "leave it out, or make it a boost")
    if rule.max_pins is not None and rule.action != "pin":
        raise _wrong(rule, f"`max_pins` has no meaning for a {rule.action}", "leave it out")
    if rule.max_pins is not None and not 1 <= rule.max_pins <= MAX_PINS:
        raise _wrong(rule, f"`max_pins` is {rule.max_pins}", f"it must lie in 1..{MAX_PINS}")


def _wrong(rule: Rule, problem: str, suggestion: str) -> Invalid:
    return Invalid(WHAT, f"rule `{rule.id}`: {problem}", suggestion=suggestion)
