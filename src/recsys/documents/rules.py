"""The rules document: pin, boost and block, as merchandisers write them."""

from typing import Literal

import msgspec

from recsys.encoding import Invalid, convert, decode

__all__ = ["Rule", "Rules", "check_rules", "read_rules"]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule.

    ``target_type`` says what is matched: items by ``item_ids``; a tag, brand or category by ``target_key``. Without
    ``surface`` or ``segment`` it applies everywhere. Higher ``priority`` first, then by ``id``. ``boost_value`` is added
    to 1 and multiplies the score: 0.5 raises by half, -1 takes it to 0. ``valid_from`` is included, ``valid_until`` not.
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
    """Read and check a rules document; raises :class:`~recsys.encoding.Invalid` naming the rule and the field."""
    return check_rules(decode(data, Rules, what="rules document"))


def check_rules(rules: object) -> Rules:
    """Check what types cannot say: unique ids, a target for every rule, boosts of at least -1, windows in order."""
    checked: Rules = convert(rules, Rules, what="rules document")
    raise NotImplementedError
