"""What the benchmarks ask: bodies as a page would send them, one a line, the same each time."""

from pathlib import Path

import numpy as np

from recsys.encoding import canonical
from recsys.lab.bench.shop import item_ids

__all__ = ["HARD_CONFIG", "hard_rules", "write_requests"]

_HISTORY = 5

HARD_CONFIG = {
    "personalization": {"boost": 0.5, "min_events": 3},
    "diversity": {"mmr_lambda": 0.7, "max_per_brand": 4},
}
"""Personalisation, diversity and a cap: what the hard requests meet on top of rules and constraints."""


def write_requests(
    path: Path, *, items: int, users: int, k: int, surface: str, hard: bool = False, history: bool = True
) -> Path:
    """Write a body for each user, with five items of history; without ``history`` the service has to know it.

    ``hard``: with constraints and an explanation.
    """
    chance = np.random.Generator(np.random.PCG64(7))
    names = item_ids(items)
    seen = chance.integers(0, items, (users, _HISTORY))
    more = {}
    if hard:
        more = {
            "constraints": {"forbidden_tags": ["topic-3"], "min_price": 5.0, "max_price": 90.0},
            "options": {"explain": "summary", "include_reasons": True},
        }
    with path.open("wb") as file:
        for user, row in enumerate(seen.tolist()):
            who: dict[str, object] = {"user_id": f"u{user}"}
            if history:
                who["history"] = [{"item_id": names[item], "event_type": "view"} for item in row]
            body = {"surface": surface, "k": k, "user": who, **more}
            file.write(canonical(body) + b"\n")
    return path


def hard_rules(count: int, *, items: int, surface: str) -> bytes:
    """Return a rules document: four of five boost a brand or tag, the others block items, and one pins."""
    chance = np.random.Generator(np.random.PCG64(11))
    names = item_ids(items)
    rules: list[dict[str, object]] = [
        {"id": "pin", "action": "pin", "item_ids": [names[items // 2]], "surface": surface, "max_pins": 1}
    ]
    for number in range(count - 1):
        rule: dict[str, object] = {"id": f"rule-{number:04d}", "priority": number % 7}
        if number % 5 == 4:
            blocked = chance.integers(0, items, 20)
            rule |= {"action": "block", "item_ids": sorted({names[item] for item in blocked.tolist()})}
        elif number % 2:
            rule |= {"action": "boost", "target_type": "tag", "target_key": f"topic-{number % 40}", "boost_value": 0.2}
        else:
            brand = f"brand-{number % 60}"
            rule |= {"action": "boost", "target_type": "brand", "target_key": brand, "boost_value": -0.1}
        rules.append(rule)
    return canonical(rules)
