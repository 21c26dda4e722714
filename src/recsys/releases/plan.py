"""What every change has in common: an intent, the facts it may look at, and what it proposes."""

from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from recsys.encoding import digest
from recsys.releases.record import Action, Release

__all__ = ["Beside", "Draft", "Facts", "Gate", "Intent", "NoChange"]


class Facts(Protocol):
    """What a plan may look at beside the newest release. All of it is immutable, so a plan is a pure
    function.
    """

    def record(self, generation: int) -> Release:
        """Return one release of the tenant."""

    def document(self, named: str, /) -> bytes:
        """Return the verified bytes of a blob."""


class Beside:
    """Facts, with blobs beside them that may not be stored yet."""

    def __init__(self, facts: Facts, blobs: Iterable[bytes]) -> None:
        self._facts = facts
        self._blobs = {digest(data): data for data in blobs}

    def record(self, generation: int) -> Release:
        """Return one release of the tenant."""
        return self._facts.record(generation)

    def document(self, named: str) -> bytes:
        """Return the verified bytes of a blob, of those beside first."""
        return self._blobs[named] if named in self._blobs else self._facts.document(named)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A change that can be made: the newest release with its content changed, not yet stamped.

    ``blobs`` are bytes that ``release`` names and that may not be stored yet. ``undo`` is a command line
    when something plainer than ``releases undo N`` takes the change back. ``forward`` marks a change that
    ships: then all the release names must be there. Brakes must work while something they do not touch is
    broken.
    """

    release: Release
    why: str
    blobs: tuple[bytes, ...] = ()
    restores: int | None = None
    undo: str | None = None
    forward: bool = False


class NoChange(msgspec.Struct, frozen=True):
    """Nothing to do, and why."""

    why: str


class Intent(Protocol):
    """What someone wants, independent of what the newest release happens to be.

    It is planned against the newest release, and again against a newer one when a race was lost and the
    rebase table lets it go on.
    """

    @property
    def action(self) -> Action:
        """The word the record will carry, and the row of the rebase table."""

    @property
    def writes(self) -> frozenset[str]:
        """Parts that are replaced whatever stands there. A change relative to what stands there replaces
        none.
        """

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        """Say what the next release should be; raises :class:`~recsys.errors.Refused` with the facts."""


Gate = Callable[[Release], tuple[str, ...]]
"""Judges a release before it is committed: returns the digests of its evidence, or raises ``Refused``."""
