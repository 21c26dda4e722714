"""``guards/<tenant>/<candidate>.json``: what the guard of a candidate last said of itself in the store. Advisory: it
tells people that a candidate is guarded, and that its guard fell silent; no protocol rests on it.
"""

from typing import Literal

import msgspec

from recsys.encoding import canonical
from recsys.errors import RecsysError
from recsys.store import Objects

__all__ = ["SILENT_LOOKS", "GuardState", "Guarded", "Heard", "hear_guard", "tell_guard"]

GuardState = Literal["watching", "paused", "frozen", "left", "aborted", "promoted", "ended"]
"""``left``: the guard was ended on purpose, and the candidate goes on. ``ended``: another hand ended the candidate."""

SILENT_LOOKS = 3
"""A guard that missed so many looks is silent."""
_SLACK_S = 5.0
"""For a look that takes its time, and a store that does."""


class Guarded(msgspec.Struct, frozen=True, kw_only=True):
    """One look of a guard. ``every_s``: how soon it looks again. ``again``: the command that starts it again."""

    tenant: str
    surface: str
    candidate: str
    at: str
    state: GuardState
    why: str
    every_s: float
    actor: str
    again: str


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a guard last said, and how long ago by the store's own time."""

    said: Guarded
    age_s: float

    @property
    def on(self) -> bool:
        """Whether it has not ended, as far as it said."""
        return self.said.state in ("watching", "paused", "frozen")

    @property
    def overdue_s(self) -> float:
        """For how long it has been silent beyond :data:`SILENT_LOOKS` looks; below 0: how long until then."""
        return self.age_s - (SILENT_LOOKS * self.said.every_s + _SLACK_S)

    @property
    def silent(self) -> bool:
        """Whether a guard that has not ended has missed :data:`SILENT_LOOKS` looks."""
        return self.on and self.overdue_s > 0

    def sentence(self) -> str:
        """Say that it is silent, and what to do."""
        return f"the guard of {self.said.candidate} is silent since {self.said.at}; again with: {self.said.again}"


def tell_guard(objects: Objects, said: Guarded) -> None:
    """Leave it in the store, over the one before. Not forced to the disk: it is a hint."""
    objects.replace(_key(said.tenant, said.candidate), canonical(said), durable=False)


def hear_guard(objects: Objects, tenant: str, candidate: str) -> Heard | None:
    """Return what the guard of a candidate last said; ``None`` where none ever looked, or it cannot be read."""
    key = _key(tenant, candidate)
    for entry in objects.entries(f"guards/{tenant}/"):
        if entry.key == key:
            try:
                return Heard(said=msgspec.json.decode(objects.read(key), type=Guarded), age_s=entry.age_s)
            except (RecsysError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return None
    return None


def _key(tenant: str, candidate: str) -> str:
    return f"guards/{tenant}/{candidate}.json"
