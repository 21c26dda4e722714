"""What a change did, and the command that takes it back."""

from collections.abc import Mapping
from typing import Any

import msgspec

from recsys.releases.record import Candidate, Release, levers_touched, parts_of, touched

__all__ = ["Change", "undo_command"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The end of every change.

    ``release`` is the one committed, the one that a dry run would commit, or, when nothing was to do, the
    one in force. ``changed`` says whether there is something to commit. ``parts`` maps each part that
    changes to its digest before and after. ``undo`` is a command line, empty where there is nothing to take
    back. ``verified``: what the release brings was read back and checked before it was committed; false where
    nothing was to do, because then nothing was looked at. ``documents``: bytes of blobs that the release of a dry run
    names, and that are not stored.
    """

    release: Release
    changed: bool
    why: str
    undo: str = ""
    dry_run: bool = False
    parts: Mapping[str, tuple[str | None, str | None]] = {}
    held: bool = False
    verified: bool = False
    lever: str | None = None
    surface: str | None = None
    documents: tuple[bytes, ...] = ()

    @property
    def committed(self) -> bool:
        """Whether a release was written."""
        return self.changed and not self.dry_run

    def document(self) -> dict[str, Any]:
        """Return the change as ``--json`` prints it."""
        return {
            "tenant": self.release.tenant,
            "generation": self.release.generation,
            "action": self.release.action,
            "committed": self.committed,
            "dry_run": self.dry_run,
            "why": self.why,
            "restores": self.release.restores if self.changed else None,
            "lever": self.lever,
            "surface": self.surface,
            "changed": {part: {"from": old, "to": new} for part, (old, new) in self.parts.items()},
            "held": self.held,
            "verified": self.verified,
            "attempt": self.release.attempt,
            "undo": self.undo,
        }


def undo_command(release: Release) -> str:
    """Return the command line that takes a release back by its number; empty where none does."""
    if release.action == "erase":
        return ""
    return f"recsys releases undo {release.generation} --tenant {release.tenant}"


def parts_between(before: Release | None, after: Release) -> dict[str, tuple[str | None, str | None]]:
    """Return the digests before and after of what levers move, and of the withdrawn set; of a candidate, which one it
    is and its share.
    """
    old = {} if before is None else parts_of(before)
    new = parts_of(after)
    names = set(new) if before is None else touched(before, after)
    named = levers_touched(names) | (names & {"withdrawn", "erased"})
    named |= {part for part in names if part.startswith("candidate:")}
    found = {part: (_text(old.get(part)), _text(new.get(part))) for part in sorted(named)}
    return {part: pair for part, pair in found.items() if pair != (None, None)}


def _text(value: object) -> str | None:
    if isinstance(value, Candidate):
        return f"{value.since} at {value.share:g}"
    return None if value is None else str(value)
