"""What an action in a file of its own needs of a tenant's releases: to look, and to have its intent carried."""

from typing import Protocol

from recsys.releases.attempt import Attempt
from recsys.releases.change import Change
from recsys.releases.evidence import NO_EVIDENCE, Evidence
from recsys.releases.plan import Gate, Intent
from recsys.releases.record import Action, Release

__all__ = ["Carrier"]


class Carrier(Protocol):
    """:class:`~recsys.releases.Releases`, as its actions see it."""

    actor: str

    def current(self) -> Release:
        """Return the newest release."""

    def read(self, generation: int) -> Release:
        """Return one release."""

    def begin(self, attempt: Attempt | str | None, action: Action, **asked: object) -> Attempt:
        """Begin a try, or take up an earlier one, and say what it asks for."""

    def seen_by(self, attempt: Attempt) -> Release:
        """Return the release that was the newest when it began."""

    def carry(
        self,
        intent: Intent,
        *,
        reason: str,
        dry_run: bool,
        attempt: Attempt,
        evidence: Evidence = NO_EVIDENCE,
        gate: Gate | None = None,
    ) -> Change:
        """Carry an intent into the log."""

    def now(self) -> str:
        """Return the time, as labels write it."""
