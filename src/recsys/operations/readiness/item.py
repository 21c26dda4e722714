"""The words of the checklist: an item, what a check of it found, and what came of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

if TYPE_CHECKING:
    from recsys.operations.readiness.facts import Facts

__all__ = ["AREAS", "LIMITS", "Area", "Found", "Item", "Limits", "Result", "no", "unknown", "yes"]

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


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is too old or too many. Each name says its unit."""

    evidence_age_d: int = 90
    """Older answers, drills, load tests and restores say little about the installation of today. `--max-age-days`."""
    key_age_d: int = 365
    """A key older than this has been in more places than anybody remembers."""
    admin_keys: int = 3
    """More live admin keys of one tenant than this are nobody's in particular."""
    hold_age_d: int = 7
    """An incident is over by then; what is still held was forgotten."""
    candidate_age_d: int = 42
    """Six weeks decide an experiment or show that it cannot be decided."""
    ships: int = 10
    """How many of a surface's newest ships are looked at for checks that were passed over."""
    hosts: int = 2
    """One host is gone during each restart of it."""


LIMITS = Limits()


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
