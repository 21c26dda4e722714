"""One try at a change, with an id that lets an unknown outcome be settled later without doing it twice."""

from typing import Final

import msgspec

from recsys.errors import UsageError

__all__ = ["Attempt"]

MAX_ID: Final = 128
"""A uuid, or a caller's own idempotency key."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """``start`` is the newest generation when it began, 0 when that is not known.

    What a rollback or undo aims at is decided by looking from there, so a resumed one aims as it first did.
    """

    id: str
    start: int = 0
    resumed: bool = False

    @classmethod
    def parse(cls, text: str) -> "Attempt":
        """Read what an earlier run was called: ``id@start`` as its error gave it, or the id alone."""
        name, _, start = text.partition("@")
        if not 0 < len(name) <= MAX_ID or not name.isprintable() or (start and not start.isdecimal()):
            raise UsageError(f"`{text[:80]}` is not an attempt", next_step="give it as the error printed it")
        return cls(id=name, start=int(start or 0), resumed=True)

    @property
    def token(self) -> str:
        """What to give to resume it."""
        return f"{self.id}@{self.start}"
