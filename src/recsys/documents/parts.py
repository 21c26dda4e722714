"""Documents split by surface, for a rollback that reverts one surface and leaves the others alone.

A surface's part of a config is what stands under ``surfaces.<surface>``; of the rules, those
whose ``surface`` it is. What is set for the tenant as a whole belongs to no part.
"""

from typing import Any

import msgspec

from recsys.encoding import canonical
from recsys.errors import Refused

__all__ = ["config_part", "rules_part", "with_config_part", "with_rules_part"]


def config_part(data: bytes, surface: str) -> bytes:
    """Return the canonical part of one surface; ``null`` when the document says nothing about it."""
    return canonical(msgspec.json.decode(data).get("surfaces", {}).get(surface))


def with_config_part(data: bytes, surface: str, part: bytes) -> bytes:
    """Return the document with the part of one surface replaced, or taken out when the part is ``null``."""
    document: dict[str, Any] = msgspec.json.decode(data)
    surfaces = {name: own for name, own in document.get("surfaces", {}).items() if name != surface}
    own = msgspec.json.decode(part)
    if own is not None:
        surfaces[surface] = own
    document.pop("surfaces", None)
    if surfaces:
        document["surfaces"] = surfaces
    return canonical(document)


def rules_part(data: bytes, surface: str) -> bytes:
    """Return the canonical list of one surface's rules, by id."""
    return canonical([rule for rule in msgspec.json.decode(data) if rule.get("surface") == surface])


def with_rules_part(data: bytes, surface: str, part: bytes) -> bytes:
    """Return the document with one surface's rules replaced.

    Raises ``Refused`` when a rule that would come back has an id that is used elsewhere by now.
    """
    others = [rule for rule in msgspec.json.decode(data) if rule.get("surface") != surface]
    own = msgspec.json.decode(part)
    for taken in sorted({rule["id"] for rule in others} & {rule["id"] for rule in own}):
        elsewhere = next(rule.get("surface") for rule in others if rule["id"] == taken)
        raise Refused(
            f"rule `{taken}` of {surface} cannot come back: {elsewhere or 'every surface'} has that id now",
            next_step="roll back the rules without --surface, or rename that rule first",
        )
    return canonical(sorted(others + own, key=lambda rule: rule["id"].encode()))
