"""A small shop with a store in memory, and files of events to run over."""

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.releases import Releases, create_tenant
from recsys.store import Store, open_store

START, END = "2026-11-01", "2026-11-10"


@dataclass(frozen=True)
class Shop:
    store: Store
    tenant: str = "demo"
    actor: str = "tests"

    @property
    def releases(self) -> Releases:
        return Releases(self.store, self.tenant, actor=self.actor)

    def copy(self) -> "Shop":
        """Return a shop of its own with the same past; of one in memory."""
        store = open_store("memory:")
        for key in self.store.objects.keys(""):
            store.objects.replace(key, self.store.objects.read(key))
        return Shop(store, self.tenant, self.actor)


def new_shop(address: str = "memory:") -> Shop:
    store = open_store(address)
    create_tenant(store, "demo", actor="tests")
    return Shop(store)


def event(**fields: Any) -> dict[str, Any]:
    return {
        "ts": "2026-11-05T10:00:00Z",
        "item_id": "a",
        "event_type": "purchase",
        "user_id": "u1",
        "session_id": "s1",
    } | fields


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def visits(*, users: int = 40, items: int = 12, seed: int = 1) -> list[dict[str, Any]]:
    """Make events of users who each visit three times and take neighbouring items."""
    rng = random.Random(seed)
    return [
        event(
            ts=f"2026-11-{1 + rng.randrange(10):02}T{rng.randrange(24):02}:00:0{step}Z",
            item_id=f"i{(first + step) % items:02}",
            event_type=rng.choice(("view", "click", "purchase")),
            user_id=f"user-{user}",
            session_id=f"{user}-{visit}",
            event_id=f"{user}-{visit}-{step}",
        )
        for user in range(users)
        for visit in range(3)
        for first in (rng.randrange(items),)
        for step in range(3)
    ]
