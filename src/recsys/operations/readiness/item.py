"""The words of the checklist: an item, what a check of it found, and what came of it."""

from collections.abc import Callable
from typing import Literal, get_args

import msgspec

from recsys.operations.readiness.facts import Facts

__all__ = ["AREAS", "Area", "Found", "Item", "Result", "no", "unknown", "yes"]

Area = Literal[
    "service mode",
    "tenancy and access",
    "contracts and privacy",
    "pipelines and freshness",
    "backup and restore",
    "probes and alerts",
    "runbooks",
    "load",
    "rollout and rollback",
]
AREAS: tuple[Area, ...] = get_args(Area)
Result = Literal["yes", "no", "not known", "asked"]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a check saw. ``yes``: whether it is so, ``None`` where that could not be seen. ``at_s``: the date of the
    evidence, seconds since 1970; ``None``: now.
    """

    yes: bool | None
    seen: str
    at_s: float | None = None


def yes(seen: str, *, at_s: float | None = None) -> Found:
    return Found(yes=True, seen=seen, at_s=at_s)


def no(seen: str, *, at_s: float | None = None) -> Found:
    return Found(yes=False, seen=seen, at_s=at_s)


def unknown(seen: str) -> Found:
    return Found(yes=None, seen=seen)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the checklist.

    ``asks`` is the question, ``how`` says in words how it is checked, ``why`` what goes wrong without it, ``todo`` the
    command or the page that helps. ``check`` is ``None`` for what only people know; ``answerable`` items that could not
    be seen are asked too.
    """

    id: str
    area: Area
    asks: str
    how: str
    why: str
    todo: str
    check: "Callable[[Facts], Found] | None" = None
    answerable: bool = False

    @property
    def asked(self) -> bool:
        """Tell whether people may answer it."""
        return self.check is None or self.answerable
