"""One try at a change, with an id that lets an unknown outcome be settled later without doing it twice."""

import hashlib
from typing import Any, Final

import msgspec

from recsys.encoding import canonical, digest
from recsys.errors import UsageError

__all__ = ["Attempt", "intent_digest"]

MAX_ID: Final = 128
"""A uuid, or what a caller calls its own try."""
MAX_KEY: Final = 1_024
"""Of a caller's idempotency key; it is only hashed, but a longer one is a body gone astray."""
LOOK_BACK: Final = 1_000
"""Releases searched for an attempt that does not say where it began: a retry comes in minutes, not in releases."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """``start`` is the newest generation when it began, 0 when that is not known.

    What a rollback or undo aims at is decided by looking from there, so a resumed one aims as it first did.
    ``intent`` is the digest of what was asked for: one attempt is one change, and the same id with another intent
    is refused.
    """

    id: str
    start: int = 0
    resumed: bool = False
    intent: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Attempt":
        """Read what an earlier run was called: ``id@start`` as its error gave it, or the id alone."""
        name, _, start = text.partition("@")
        if not 0 < len(name) <= MAX_ID or not name.isprintable() or (start and not start.isdecimal()):
            raise UsageError(f"`{text[:80]}` is not an attempt", next_step="give it as the error printed it")
        return cls(id=name, start=int(start or 0), resumed=True)

    @classmethod
    def of_key(cls, key: str) -> "Attempt":
        """Name a try by a caller's own key, which may be any text: nothing in it is read, and it is not stored."""
        if not 0 < len(key) <= MAX_KEY:
            raise UsageError(f"an idempotency key has 1 to {MAX_KEY} characters, not {len(key)}")
        return cls(id="key-" + hashlib.sha256(key.encode()).hexdigest(), resumed=True)

    @property
    def token(self) -> str:
        """What to give to resume it."""
        return f"{self.id}@{self.start}"

    def oldest(self, newest: int) -> int:
        """Return the generation after which its record can stand, in a log that ends at ``newest``."""
        return self.start or max(0, newest - LOOK_BACK)


def intent_digest(action: str, asked: dict[str, Any]) -> str:
    """Return the digest of what was asked for. Reasons and preconditions are no part of it: they change no content."""
    return digest(canonical({"action": action, **asked}))
