"""A release as an entry of the timeline: what was done, in a sentence, and what it moved."""

from collections.abc import Mapping

import msgspec

from recsys.console.wording import listed
from recsys.releases import Hold, Release
from recsys.releases.hold import newly_held
from recsys.releases.record import Action, touched

__all__ = ["Entry", "InForce", "entry_of", "in_force", "scope_of"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """``said``: what was done. ``kind`` groups the actions: ``forward``, ``back``, ``hold``, ``trial``, ``other``."""

    release: Release
    said: str
    kind: str
    moved: tuple[str, ...] = ()


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """What one lever stands at: ``since`` the generation that last changed it; the hold that covers it, if any."""

    lever: str
    surface: str | None
    since: int | None
    hold: Hold | None


_KINDS = {
    "ship": "forward",
    "config": "forward",
    "rules": "forward",
    "items": "forward",
    "promote": "forward",
    "rollback": "back",
    "undo": "back",
    "abort": "back",
    "restore": "back",
    "hold": "hold",
    "resume": "hold",
    "candidate": "trial",
}
_SAID: Mapping[Action, str] = {
    "create": "The tenant was made",
    "ship": "Shipped {parts}",
    "config": "Changed the config",
    "rules": "Changed the rules",
    "items": "Updated items of the catalogue",
    "rollback": "Rolled back {parts}{back}",
    "undo": "Undid a change of {parts}{back}",
    "candidate": "Set a {parts}",
    "promote": "Promoted a candidate: {parts}",
    "abort": "Aborted the {parts}",
    "withdraw": "Changed which items are withdrawn",
    "erase": "Erased users",
    "gc": "Collected what nothing names any more",
    "restore": "The log was restored from a backup",
}


def entry_of(release: Release, before: Release | None) -> Entry:
    """Tell of a release beside the one before it, where that is known."""
    moved = tuple(sorted(touched(before, release))) if before is not None else ()
    kind = _KINDS.get(release.action, "other")
    return Entry(release=release, said=_said(release, before, moved), kind=kind, moved=moved)


def _said(release: Release, before: Release | None, moved: tuple[str, ...]) -> str:
    if release.action in ("hold", "resume"):
        return _of_holds(release, before)
    parts = listed(_part(name) for name in moved if name not in ("holds", "condemned"))
    back = f" as in generation {release.restores}" if release.restores else ""
    return _SAID[release.action].format(parts=parts or "nothing that is served", back=back)


def _of_holds(release: Release, before: Release | None) -> str:
    if before is None:
        return "Placed a hold" if release.action == "hold" else "Lifted a hold"
    if release.action == "hold":
        found = newly_held(before.holds, release.holds)
        return f"Held {listed(map(scope_of, found))}" if found else "Placed a hold"
    found = newly_held(release.holds, before.holds)
    return f"Resumed {listed(map(scope_of, found))}" if found else "Lifted a hold"


def scope_of(hold: Hold) -> str:
    """Say what a hold covers."""
    levers = "everything" if len(hold.levers) == 3 else listed(hold.levers)
    return f"{levers} of {hold.surface or 'every surface'}"


def _part(name: str) -> str:
    what, _, surface = name.partition(":")
    word = {"overlay": "items", "withdrawn": "withdrawals", "erased": "erased users"}.get(what, what)
    return f"{word} of {surface}" if surface else word


def in_force(head: Release) -> tuple[InForce, ...]:
    """Return what each lever stands at: the documents, then the artifacts of each surface."""
    documents = [_stands(head, lever, None) for lever in ("config", "rules")]
    return (*documents, *(_stands(head, "artifacts", surface) for surface in sorted(head.surfaces)))


def _stands(head: Release, lever: str, surface: str | None) -> InForce:
    part = lever if surface is None else f"{lever}:{surface}"
    holds = (hold for hold in head.holds if lever in hold.levers and hold.surface in (None, surface))
    return InForce(lever=lever, surface=surface, since=head.changed.get(part), hold=next(holds, None))
