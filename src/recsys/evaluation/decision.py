"""What to do, by ordered rules. The rules are data: the first that fires decides, and the report shows them
all. Each mode has its own.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from recsys.evaluation.parts import Check, Data, Decision, Outcome, Step

__all__ = ["Facts", "Rule", "decide_by", "holding", "listed"]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision of any mode looks at."""

    data: Data
    integrity: tuple[Check, ...]


F = TypeVar("F", bound=Facts)


class Rule(msgspec.Struct, Generic[F], frozen=True, kw_only=True):
    """``finds`` returns what makes the rule fire, as sentences; none and the next rule is asked. ``freezes``: nothing
    more may be shipped before somebody has looked.
    """

    name: str
    outcome: Outcome
    finds: Callable[[F], tuple[str, ...]]
    otherwise: str
    what_to_do: str
    lever: str
    freezes: bool = False


def holding(facts: Facts) -> tuple[str, ...]:
    """Return what of the data's integrity speaks against any decision."""
    return tuple(f"{check.name}: {check.sentence}" for check in facts.integrity if check.state == "hold")


def decide_by(
    rules: tuple[Rule[F], ...],
    facts: F,
    *,
    how_sure: str,
    inputs: Mapping[str, Any],
    thresholds: Mapping[str, Any],
) -> Decision:
    """Ask the rules in order; the last must always fire. ``inputs`` and ``thresholds``: what a mode looked at beyond
    the data's integrity.
    """
    steps: list[Step] = []
    decided: tuple[Rule[F], tuple[str, ...]] | None = None
    for rule in rules:
        if decided:
            steps.append(Step(rule=rule.name, state="not_reached", finding="an earlier rule decided"))
            continue
        found = rule.finds(facts)
        if found:
            decided = rule, found
        steps.append(
            Step(
                rule=rule.name,
                state="decided" if found else "passed",
                finding="; ".join(found) if found else rule.otherwise,
            )
        )
    assert decided is not None
    rule, found = decided
    return Decision(
        outcome=rule.outcome,
        rule=rule.name,
        what_happened=" ".join(_sentence(each) for each in found),
        how_sure=how_sure,
        what_to_do=rule.what_to_do,
        lever=rule.lever,
        freezes=rule.freezes,
        steps=tuple(steps),
        inputs={
            "integrity": {check.name: check.value for check in facts.integrity},
            **inputs,
            "window": [facts.data.window_start, facts.data.window_end],
            "fingerprint": facts.data.fingerprint,
        },
        thresholds={"integrity": {check.name: check.threshold for check in facts.integrity}, **thresholds},
    )


def _sentence(text: str) -> str:
    """End it, and begin it with a capital, unless it begins with the name of a metric or a check."""
    first, _, rest = text.rstrip(".").partition(" ")
    whole = f"{first.capitalize() if first.isalpha() else first} {rest}"
    return whole if whole.endswith("?") else f"{whole}."


def listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
