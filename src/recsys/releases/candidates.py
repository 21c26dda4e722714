"""A tenant's candidates: see them, begin, promote, abort. What callers use, as ``releases.candidates``."""

import math
from collections.abc import Iterable
from typing import get_args

import msgspec

from recsys.documents import canonical_config, canonical_rules
from recsys.encoding import digest
from recsys.errors import NotFound, UsageError
from recsys.releases.arm import candidate_in, candidates_in, carried, name_of
from recsys.releases.attempt import Attempt
from recsys.releases.candidate import Abort, Begin, Promote
from recsys.releases.carrier import Carrier
from recsys.releases.change import Change
from recsys.releases.evidence import gathered
from recsys.releases.record import Action, Candidate, Lever, Release, Unit
from recsys.store import check_name
from recsys.store.names import check_digest

__all__ = ["Candidates", "RunningCandidate"]


class RunningCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate and who began it when, and why; ``name`` is its experiment's id."""

    name: str
    surface: str
    carries: tuple[Lever, ...]
    candidate: Candidate
    actor: str
    at: str
    reason: str


class Candidates:
    """The candidates of one tenant; changes as of :class:`~recsys.releases.Releases`."""

    def __init__(self, releases: Carrier) -> None:
        self._releases = releases

    def running(self, surface: str | None = None) -> tuple[RunningCandidate, ...]:
        """Return those that run, of one surface or of all, by surface."""
        head = self._releases.current()
        found = []
        for where, candidate in candidates_in(head):
            if surface in (None, where):
                found.append(_told(where, candidate, self._releases.read(candidate.since)))
        return tuple(found)

    def named(self, name: str) -> RunningCandidate | None:
        """Return the candidate of this name as it began, whether it still runs or not."""
        surface, _, since = name.rpartition("-")
        if not since.isdecimal() or not 0 < int(since) <= self._releases.current().generation:
            return None
        release = self._releases.read(int(since))
        found = candidate_in(release, surface)
        return None if found is None or found.since != release.generation else _told(surface, found, release)

    def start(
        self,
        surface: str,
        *,
        share: float,
        manifest: str | None = None,
        config: bytes | None = None,
        rules: bytes | None = None,
        unit: Unit | None = None,
        reason: str = "",
        dry_run: bool = False,
        attempt: Attempt | str | None = None,
    ) -> Change:
        """Serve other content to a share (0 < share <= 1) of a surface's units, or change the share of what runs.

        ``config`` and ``rules`` are whole documents that may differ from what is in force only in the surface's own
        part. ``unit`` says by which id units are told apart, ``anonymous_id`` by default: it stays the same when
        somebody logs in.

        Raises
        ------
        Refused
            Held; another candidate runs there; the documents differ elsewhere too; the content is not fit.
        """
        if not (math.isfinite(share) and 0 < share <= 1):
            raise UsageError(f"a share of {share:g}", next_step="give a share above 0 and at most 1: 0.1 is a tenth")
        if unit is not None and unit not in get_args(Unit):
            raise UsageError(f"there is no unit {unit}", next_step="units: " + ", ".join(get_args(Unit)))
        given = {
            "manifest": None if manifest is None else check_digest(manifest),
            "config": None if config is None else canonical_config(config),
            "rules": None if rules is None else canonical_rules(rules),
        }
        asked = {name: digest(value) if isinstance(value, bytes) else value for name, value in given.items()}
        begun = self._releases.begin(attempt, "candidate", surface=surface, share=share, unit=unit, **asked)
        start, runs = self._at(begun, surface)
        intent = Begin(
            surface=check_name(surface, what="surface"),
            share=share,
            seen=start.generation,
            running=runs.since if runs else None,
            unit=unit,
            **given,  # type: ignore[arg-type]
        )
        return self._releases.carry(intent, reason=reason, dry_run=dry_run, attempt=begun)

    def promote(
        self,
        surface: str,
        *,
        reason: str = "",
        candidate: str | None = None,
        evidence: Iterable[str | bytes] = (),
        dry_run: bool = False,
        attempt: Attempt | str | None = None,
    ) -> Change:
        """Make what the candidate of a surface serves live for everybody, and end it.

        ``candidate``: the name of the one that is meant; default the one that runs now. ``evidence`` as for
        :meth:`~recsys.releases.Releases.ship`.
        """
        kept = gathered(evidence)
        begun, meant = self._meant(attempt, "promote", surface, candidate)
        intent = Promote(
            surface=check_name(surface, what="surface"),
            since=meant.since if meant else None,
            carries=carried(meant) if meant else (),
            evidence=kept.digests,
        )
        return self._releases.carry(intent, reason=reason, evidence=kept, dry_run=dry_run, attempt=begun)

    def abort(
        self,
        surface: str,
        *,
        candidate: str | None = None,
        hold: bool = False,
        reason: str = "",
        evidence: Iterable[str | bytes] = (),
        dry_run: bool = False,
        attempt: Attempt | str | None = None,
    ) -> Change:
        """End the candidate of a surface; everybody gets what the surface serves. Passes under holds.

        ``candidate`` and ``evidence`` as for :meth:`promote`. ``hold``: hold what it carried on that surface, in the
        same release.
        """
        begun, meant = self._meant(attempt, "abort", surface, candidate, hold=hold)
        intent = Abort(
            surface=check_name(surface, what="surface"),
            since=meant.since if meant else None,
            carries=carried(meant) if meant else (),
            hold=hold,
            reason=reason,
            actor=self._releases.actor,
            at=self._releases.now(),
        )
        kept = gathered(evidence)
        return self._releases.carry(intent, reason=reason, evidence=kept, dry_run=dry_run, attempt=begun)

    def _meant(
        self, attempt: Attempt | str | None, action: Action, surface: str, name: str | None, **asked: object
    ) -> tuple[Attempt, Candidate | None]:
        """Begin a try, and return with it the candidate that is meant: the one named, running or not, or the one that
        runs.
        """
        if name is None:
            begun = self._releases.begin(attempt, action, surface=surface, **asked)
            return begun, self._at(begun, surface)[1]
        begun = self._releases.begin(attempt, action, surface=surface, candidate=name, **asked)
        meant = self.named(name)
        if meant is None or meant.surface != surface:
            raise NotFound(f"{surface} never ran a candidate {name}", next_step="names: recsys candidate show")
        return begun, meant.candidate

    def _at(self, begun: Attempt, surface: str) -> tuple[Release, Candidate | None]:
        """Return the release a try began at and the candidate that ran there then."""
        start = self._releases.seen_by(begun)
        return start, candidate_in(start, surface)


def _told(surface: str, candidate: Candidate, begun: Release) -> RunningCandidate:
    return RunningCandidate(
        name=name_of(surface, candidate),
        surface=surface,
        carries=carried(candidate),
        candidate=candidate,
        actor=begun.actor,
        at=begun.at,
        reason=begun.reason,
    )
