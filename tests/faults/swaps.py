"""A shop that changes all the time, and what each generation must answer, reckoned without the code under test."""

import hashlib
import json
import random
from pathlib import Path

from tests.integration.serving.shops import ITEMS, Shop

__all__ = ["Changing", "Expected"]

MARKS = ("a", "b", "c", "d")

Expected = tuple[tuple[str, ...], str, str, str]
"""Items in their order; digests of config, rules and manifest."""


class Changing:
    """Commits one change after another, and knows what is to be answered from each generation on.

    A manifest shows in the mark of every item, the config in how many there are, the rules in which are missing.
    """

    def __init__(self, root: Path, *, seed: int) -> None:
        self.shop = Shop(root)
        self._chance = random.Random(seed)
        self._manifests = {mark: self.shop.manifest(mark) for mark in MARKS}
        self._state: dict[int, tuple[str, int | None, tuple[int, ...]]] = {}
        self.expected: dict[int, Expected] = {}
        self.shop.releases.ship("home", self._manifests["a"], reason="first")
        self._enter(2, ("a", None, ()))

    @property
    def head(self) -> int:
        """Return the newest generation."""
        return max(self._state)

    def change(self) -> int:
        """Commit one more generation: a ship, a config, rules, or a rollback of one of them; return its number."""
        mark, most, blocked = self._state[self.head]
        kind = self._chance.choice(("ship", "config", "rules", "rollback"))
        if kind == "ship":
            mark = self._chance.choice([other for other in MARKS if other != mark])
            done = self.shop.releases.ship("home", self._manifests[mark], reason=kind)
        elif kind == "config":
            most = self._chance.choice([other for other in range(3, 10) if other != most])
            done = self.shop.releases.put_config(_config(most), reason=kind)
        elif kind == "rules":
            before = blocked
            while blocked == before:
                blocked = tuple(sorted(self._chance.sample(range(12), self._chance.randrange(1, 5))))
            done = self.shop.releases.put_rules(_rules(blocked), reason=kind)
        else:
            return self._roll_back()
        return self._enter(done.release.generation, (mark, most, blocked))

    def _roll_back(self) -> int:
        now = self._state[self.head]
        lever, part = self._chance.choice([("artifacts", 0), ("config", 1), ("rules", 2)])
        others = [generation for generation, state in self._state.items() if state[part] != now[part]]
        if not others:
            return self.change()
        to = self._chance.choice(others)
        surface = "home" if lever == "artifacts" else None
        done = self.shop.releases.rollback(lever, surface=surface, to=to, no_hold=True, reason=lever)
        then = list(now)
        then[part] = self._state[to][part]
        return self._enter(done.release.generation, (then[0], then[1], then[2]))

    def _enter(self, generation: int, state: tuple[str, int | None, tuple[int, ...]]) -> int:
        assert generation == max(self._state, default=1) + 1
        mark, most, blocked = self._state[generation] = state
        items = [f"{mark}-{number:03d}" for number in range(ITEMS) if number not in blocked]
        self.expected[generation] = (
            tuple(items[:most]),
            _digest(_config(most)),
            _digest(_rules(blocked)),
            self._manifests[mark],
        )
        return generation


def _config(most: int | None) -> bytes:
    return _canonical({} if most is None else {"limits": {"max_k": most}})


def _rules(blocked: tuple[int, ...]) -> bytes:
    ids = [f"{other}-{number:03d}" for other in MARKS for number in blocked]
    return _canonical([{"action": "block", "id": "r", "item_ids": ids}] if blocked else [])


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
