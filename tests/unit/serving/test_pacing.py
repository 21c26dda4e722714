"""Heads are asked at the pace of the log, hints at once."""

from dataclasses import dataclass, field
from typing import Any

from recsys.serving.pacing import Pacing


@dataclass
class Paced:
    pace_s: float
    said: list[Any] = field(default_factory=list)

    def changed(self) -> frozenset[str] | None:
        return self.said.pop(0) if self.said else frozenset()


TENANTS = [f"t{n}" for n in range(5)]


def test_where_asking_is_free_all_are_asked_each_time() -> None:
    pacing = Pacing(budget_per_s=1)
    assert [pacing.due(Paced(0.0), TENANTS, now=now, hurry=False) for now in (0.0, 0.1)] == [TENANTS, TENANTS]


def test_who_was_asked_is_asked_again_after_the_pace() -> None:
    pacing, log = Pacing(budget_per_s=100), Paced(1.0)
    asked = [pacing.due(log, TENANTS, now=now / 10, hurry=False) for now in range(25)]
    assert {tenant: sum(tenant in step for step in asked) for tenant in TENANTS} == dict.fromkeys(TENANTS, 3)


def test_a_hint_is_followed_at_once_and_once() -> None:
    pacing, log = Pacing(budget_per_s=100), Paced(60.0, [None, frozenset({"t3", "gone"}), frozenset()])
    pacing.due(log, TENANTS, now=0.0, hurry=False)
    pacing.due(log, TENANTS, now=0.5, hurry=False)
    assert pacing.due(Paced(60.0, [frozenset({"t3"})]), TENANTS, now=1.0, hurry=False) == ["t3"]
    assert pacing.due(log, TENANTS, now=1.1, hurry=False) == []


def test_the_budget_goes_round() -> None:
    pacing, log = Pacing(budget_per_s=2), Paced(1.0)
    asked = [pacing.due(log, TENANTS, now=float(now), hurry=False) for now in range(10)]
    assert max(map(len, asked)) <= 2
    assert {tenant for step in asked[:4] for tenant in step} == set(TENANTS)


def test_a_budget_below_one_a_second_is_spent_as_it_adds_up() -> None:
    pacing, log = Pacing(budget_per_s=0.25), Paced(1.0)
    asked = [pacing.due(log, TENANTS, now=float(now), hurry=False) for now in range(10)]
    assert [len(step) for step in asked] == [1, 0, 0, 0, 1, 0, 0, 0, 1, 0]


def test_a_hurry_asks_all() -> None:
    pacing, log = Pacing(budget_per_s=1), Paced(60.0)
    pacing.due(log, TENANTS, now=0.0, hurry=False)
    assert pacing.due(log, TENANTS, now=0.1, hurry=True) == TENANTS
