"""Holds: "stop shipping", placed and lifted through the log like every other change."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from recsys.documents import read_config, read_rules
from recsys.encoding import Invalid
from recsys.errors import Refused, UsageError
from recsys.releases.errors import Held
from recsys.releases.plan import Draft, Facts, NoChange
from recsys.releases.record import LEVERS, Action, Hold, Lever, Release, artifacts_of

__all__ = [
    "PlaceHold",
    "Resume",
    "all_levers",
    "check_document",
    "check_overlay",
    "check_ship",
    "covering",
    "moved_back",
    "newly_held",
    "said",
]

_NONE: frozenset[Lever] = frozenset()


def all_levers(levers: Iterable[str] | None) -> tuple[Lever, ...]:
    """Return the levers meant, in one order; nothing or ``all`` means the three."""
    asked = set(levers or LEVERS)
    unknown = sorted(asked - {*LEVERS, "all"})
    if unknown:
        raise UsageError(f"there is no lever {unknown[0]}", next_step="levers: " + ", ".join(LEVERS))
    return LEVERS if "all" in asked else tuple(lever for lever in LEVERS if lever in asked)


def covering(holds: Iterable[Hold], lever: Lever, surface: str | None) -> Hold | None:
    """Return the first hold on this lever of this surface; ``None`` as surface asks for holds on every
    surface.
    """
    for hold in holds:
        if lever in hold.levers and hold.surface in (None, surface):
            return hold
    return None


def newly_held(before: Iterable[Hold], after: Iterable[Hold]) -> tuple[Hold, ...]:
    """Return the holds of ``after``, each with the levers alone that it did not cover before.

    What is left of a hold after a part of it was lifted is the same hold, and nothing new. With the two swapped: what
    was lifted.
    """
    was = _levers_by_hold(before)
    now = _levers_by_hold(after)
    return tuple(
        _with_levers(hold, levers - was.get(hold, _NONE))
        for hold, levers in now.items()
        if levers - was.get(hold, _NONE)
    )


def moved_back(now: Iterable[Hold], *, before: Iterable[Hold], after: Iterable[Hold]) -> tuple[Hold, ...]:
    """Return the holds ``now`` without what ``after`` placed, and with what it lifted.

    Lever by lever: of a hold that was lifted in part since, what is left goes; a part that another change lifted stays
    lifted.
    """
    placed, lifted = _levers_by_hold(newly_held(before, after)), _levers_by_hold(newly_held(after, before))
    stands = _levers_by_hold(now)
    then = {
        hold: stands.get(hold, _NONE) - placed.get(hold, _NONE) | lifted.get(hold, _NONE)
        for hold in {**stands, **lifted}
    }
    return tuple(_with_levers(hold, levers) for hold, levers in then.items() if levers)


def _levers_by_hold(holds: Iterable[Hold]) -> dict[Hold, frozenset[Lever]]:
    """Return what each hold covers, by all else that it says."""
    return {replace(hold, levers=()): frozenset(hold.levers) for hold in holds}


def _with_levers(hold: Hold, levers: frozenset[Lever]) -> Hold:
    return replace(hold, levers=tuple(lever for lever in LEVERS if lever in levers))


def said(levers: Iterable[str], surface: str | None) -> str:
    """Name levers of a surface as messages do."""
    return f"{', '.join(levers)} of {surface or 'every surface'}"


def check_ship(head: Release, surface: str, holds: Iterable[Hold] | None = None) -> None:
    """Raise :class:`Held` when the artifacts of a surface are held."""
    hold = covering(head.holds if holds is None else holds, "artifacts", surface)
    if hold is not None:
        raise Held(head.tenant, f"artifacts of {surface}", hold)


def check_overlay(head: Release, holds: Iterable[Hold] | None = None) -> None:
    """Raise :class:`Held` when the artifacts of a surface that serves any are held: an overlay reaches them all."""
    for hold in head.holds if holds is None else holds:
        served = None if hold.surface is None else head.surfaces.get(hold.surface)
        reaches = hold.surface is None or (served is not None and served.manifest is not None)
        if "artifacts" in hold.levers and reaches:
            raise Held(head.tenant, "the overlay of the catalogue", hold)


def check_document(
    head: Release, lever: Lever, before: bytes, after: bytes, holds: Iterable[Hold] | None = None
) -> None:
    """Raise :class:`Held` when a change of a document reaches a surface whose part of that lever is held.

    A hold on one surface does not stop a change that this surface never feels.
    """
    for hold in head.holds if holds is None else holds:
        reaches = hold.surface is None or _felt(lever, before, after, hold.surface)
        if lever in hold.levers and reaches:
            raise Held(head.tenant, lever, hold)


def _felt(lever: Lever, before: bytes, after: bytes, surface: str) -> bool:
    try:
        if lever == "config":
            return read_config(before).at(surface) != read_config(after).at(surface)
        old, new = read_rules(before), read_rules(after)
    except Invalid:
        return True  # what stands there was written by another version: take no chances under a hold
    return [r for r in old if r.surface in (None, surface)] != [r for r in new if r.surface in (None, surface)]


class PlaceHold(msgspec.Struct, frozen=True, kw_only=True):
    """Hold levers of a surface, or of every surface."""

    surface: str | None
    levers: tuple[Lever, ...]
    reason: str
    actor: str
    since: str

    @property
    def action(self) -> Action:
        return "hold"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:  # noqa: ARG002 - holds need no other facts
        missing = tuple(x for x in self.levers if covering(head.holds, x, self.surface) is None)
        if not missing:
            first = covering(head.holds, self.levers[0], self.surface)
            by = f" by {first.actor} since {first.since}: {first.reason}" if first else ""
            return NoChange(f"{said(self.levers, self.surface)}: held already{by}")
        placed = Hold(
            surface=self.surface,
            levers=missing,
            reason=self.reason,
            actor=self.actor,
            since=self.since,
            generation=head.generation + 1,
        )
        why = f"held: {said(missing, self.surface)}"
        if self.surface is not None and artifacts_of(self.surface) not in head.changed:
            why += f" (nothing was ever shipped for {self.surface}; is it spelt right?)"
        return Draft(release=replace(head, holds=(*head.holds, placed)), why=why)


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """Lift holds of exactly this scope; ``None`` is the scope "every surface", not each of them."""

    surface: str | None
    levers: tuple[Lever, ...]

    @property
    def action(self) -> Action:
        return "resume"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:  # noqa: ARG002 - holds need no other facts
        left: list[Hold] = []
        lifted: set[str] = set()
        for hold in head.holds:
            if hold.surface != self.surface:
                left.append(hold)
                continue
            lifted |= set(hold.levers) & set(self.levers)
            still = tuple(lever for lever in hold.levers if lever not in self.levers)
            if still:
                left.append(replace(hold, levers=still))
        if tuple(left) != head.holds:
            why = f"may change again: {said([x for x in self.levers if x in lifted], self.surface)}"
            return Draft(release=replace(head, holds=tuple(left)), why=why + self._still(left, lifted))
        others = [hold for hold in head.holds if set(hold.levers) & set(self.levers)]
        if not others or (self.surface is not None and all(hold.surface for hold in others)):
            return NoChange(f"{said(self.levers, self.surface)}: not held")
        commands = [
            f"recsys releases resume --tenant {head.tenant}" + (f" --surface {hold.surface}" if hold.surface else "")
            for hold in others
            if self.surface is None or hold.surface is None
        ]
        scopes = ", ".join(f"{said(h.levers, h.surface)} by {h.actor} since {h.since}" for h in others)
        raise Refused(
            f"no hold has exactly the scope {self.surface or 'every surface'}; held is {scopes}",
            next_step="lift what is meant: " + " or ".join(dict.fromkeys(commands)),
        )

    def _still(self, left: Iterable[Hold], lifted: Iterable[str]) -> str:
        """Say which other holds still cover something of what was lifted, or nobody would look for them."""
        others = [
            f"{said(still, hold.surface)} by {hold.actor} since {hold.since}"
            for hold in left
            if self.surface is None or hold.surface in (None, self.surface)
            if (still := [lever for lever in hold.levers if lever in lifted])
        ]
        return f", except that still held is {', '.join(others)}" if others else ""
