"""A tenant's candidates: see them, begin, promote, abort. What callers use, as ``releases.candidates``."""

import math
from collections.abc import Iterable
from typing import get_args

import msgspec

from recsys.documents import canonical_config, canonical_rules
from recsys.encoding import digest
from recsys.errors import UsageError
from recsys.releases.arm import candidate_in, candidates_in, carried, name_of
from recsys.releases.attempt import Attempt
from recsys.releases.candidate import Abort, Begin, Promote
from recsys.releases.carrier import Carrier
from recsys.releases.change import Change
from recsys.releases.record import Candidate, Lever, Release, Unit
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
                begun = self._releases.read(candidate.since)
                found.append(
                    RunningCandidate(
                        name=name_of(where, candidate),
                        surface=where,
                        carries=carried(candidate),
                        candidate=candidate,
                        actor=begun.actor,
                        at=begun.at,
                        reason=begun.reason,
                    )
                )
        return tuple(found)

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
        evidence: Iterable[str] = (),
        reports: Iterable[bytes] = (),
        dry_run: bool = False,
        attempt: Attempt | str | None = None,
    ) -> Change:
        """Make what the candidate of a surface serves live for everybody, and end it. ``evidence`` and ``reports`` as
        for :meth:`~recsys.releases.Releases.ship`.
        """
        begun = self._releases.begin(attempt, "promote", surface=surface)
        _, runs = self._at(begun, surface)
        intent = Promote(
            surface=check_name(surface, what="surface"),
            since=runs.since if runs else None,
            carries=carried(runs) if runs else (),
            reports=tuple(reports),
        )
        kept = (*(check_digest(named) for named in evidence), *(digest(report) for report in intent.reports))
        return self._releases.carry(intent, reason=reason, evidence=kept, dry_run=dry_run, attempt=begun)

    def abort(
        self,
        surface: str,
        *,
        hold: bool = False,
        reason: str = "",
        dry_run: bool = False,
        attempt: Attempt | str | None = None,
    ) -> Change:
        """End the candidate of a surface; everybody gets what the surface serves. Passes under holds.

        ``hold``: hold what it carried on that surface, in the same release.
        """
        begun = self._releases.begin(attempt, "abort", surface=surface, hold=hold)
        _, runs = self._at(begun, surface)
        intent = Abort(
            surface=check_name(surface, what="surface"),
            since=runs.since if runs else None,
            carries=carried(runs) if runs else (),
            hold=hold,
            reason=reason,
            actor=self._releases.actor,
            at=self._releases.now(),
        )
        return self._releases.carry(intent, reason=reason, dry_run=dry_run, attempt=begun)

    def _at(self, begun: Attempt, surface: str) -> tuple[Release, Candidate | None]:
        """Return the release a try began at and the candidate that ran there then."""
        start = self._releases.seen_by(begun)
        return start, candidate_in(start, surface)
