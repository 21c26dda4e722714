"""Candidates: begin one beside what a surface serves, and end it, by promoting it or by aborting it.

One candidate runs on a surface at a time. Which one a promotion or an abort means is fixed when the command starts, by
the generation that began it: neither ever ends one that somebody begun meanwhile.
"""

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from recsys.documents.parts import config_part, rules_part, with_config_part, with_rules_part
from recsys.encoding import digest
from recsys.errors import Refused, UsageError
from recsys.releases.arm import arm_of, candidate_in, carried, check_alone, name_of, with_candidate
from recsys.releases.diff import differences
from recsys.releases.errors import (
    AlreadyPromoted,
    CandidateRuns,
    CannotUndo,
    Held,
    LostRace,
    NoCandidate,
    told,
)
from recsys.releases.evidence import check_reported
from recsys.releases.hold import covering, said
from recsys.releases.plan import Draft, Facts, NoChange
from recsys.releases.record import (
    Action,
    Candidate,
    Hold,
    Lever,
    Release,
    Unit,
    artifacts_of,
    candidate_of,
    touched,
)
from recsys.releases.ship import manifest_of

__all__ = ["Abort", "Begin", "Promote", "check_candidate", "taken_back"]


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """Begin a candidate on a surface, or change the share of the one that runs.

    Asked for with what the running one carries, or with nothing to carry, it moves the share alone: ``since`` stays,
    and with it everybody's arm but of those the new share moves. With anything else it is refused while one runs,
    because a comparison that changes on its way compares nothing.

    Its documents may differ from what is in force only in the part that is the surface's own: the other surfaces have
    no arms, and what would change there has no control.

    ``running`` is the candidate of the moment the command started, by its ``since``; ``seen`` that moment's
    generation. ``unit``: ``None`` is the running one's, else ``anonymous_id``.
    """

    surface: str
    share: float
    seen: int
    running: int | None
    unit: Unit | None = None
    manifest: str | None = None
    config: bytes | None = None
    rules: bytes | None = None

    @property
    def action(self) -> Action:
        return "candidate"

    @property
    def writes(self) -> frozenset[str]:
        return _written(self.surface, tuple(lever for lever, given in self._given() if given is not None))

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        now = candidate_in(head, self.surface)
        carries = any(given is not None for _, given in self._given())
        if not carries and (now is None or now.since != self.running):
            if self.running is None:
                raise UsageError(
                    f"{self.surface} runs no candidate, and this one carries nothing",
                    next_step="give what to try: --manifest, --config or --rules",
                )
            raise LostRace(candidate_of(self.surface), _ended_by(head, self.surface, self.running, facts))
        if carries:
            self._check_own(head, now, facts)
        if now is not None:
            if not self._is_content_of(now, facts, carries=carries):
                raise CandidateRuns(head, name_of(self.surface, now), facts.record(now.since), self.surface)
            if now.share == self.share:
                begun = told(facts.record(now.since))
                return NoChange(f"candidate {name_of(self.surface, now)} has this share already; begun by {begun}")
        then = self._then(head, now)
        check_candidate(head, self.surface, then)
        return Draft(
            release=with_candidate(head, self.surface, then),
            why=f"candidate {name_of(self.surface, then)}: {_percent(then.share)} by {then.unit} "
            f"get other {', '.join(carried(then))}",
            blobs=tuple(data for data in (self.config, self.rules) if data is not None) if now is None else (),
            forward=True,
        )

    def _given(self) -> tuple[tuple[Lever, object], ...]:
        return ("config", self.config), ("rules", self.rules), ("artifacts", self.manifest)

    def _then(self, head: Release, now: Candidate | None) -> Candidate:
        if now is not None:
            return replace(now, share=self.share)
        return Candidate(
            share=self.share,
            since=head.generation + 1,
            unit=self.unit or "anonymous_id",
            manifest=self.manifest,
            config=None if self.config is None else digest(self.config),
            rules=None if self.rules is None else digest(self.rules),
        )

    def _is_content_of(self, now: Candidate, facts: Facts, *, carries: bool) -> bool:
        if self.unit not in (None, now.unit):
            return False
        return not carries or (
            self.manifest == now.manifest
            and _same_part(self.config, now.config, config_part, self.surface, facts)
            and _same_part(self.rules, now.rules, rules_part, self.surface, facts)
        )

    def _check_own(self, head: Release, now: Candidate | None, facts: Facts) -> None:
        part = artifacts_of(self.surface)
        if manifest_of(head, self.surface) is None:
            if head.changed.get(part, 0) > self.seen:
                raise LostRace(part, facts.record(head.changed[part]))
            raise Refused(
                f"{self.surface} serves nothing a candidate could be compared with",
                next_step=f"ship first: recsys releases ship --tenant {head.tenant} --surface {self.surface} …",
            )
        if now is None:
            check_alone(self.surface, facts.document(head.config))
        for lever, given, blank in (
            ("config", self.config, _config_elsewhere),
            ("rules", self.rules, _rules_elsewhere),
        ):
            if given is None:
                continue
            live = getattr(head, lever)
            ours = blank(given, self.surface)
            known = (live, now and getattr(now, lever))  # the running one's was checked when it began
            if any(not differences(blank(facts.document(one), self.surface), ours) for one in known if one):
                continue
            changed = head.changed.get(lever, 0)
            if changed > self.seen:
                raise LostRace(lever, facts.record(changed))
            raise _refused_elsewhere(head.tenant, lever, self.surface, blank(facts.document(live), self.surface), ours)


class Promote(msgspec.Struct, frozen=True, kw_only=True):
    """Make exactly what a candidate serves live for everybody, and end it.

    Its manifest becomes the surface's; of its documents the surface's own part takes the place of that part in what
    is in force. ``since`` is the candidate that is meant, ``None`` where none ran when the command started.
    ``evidence``: digests of the reports that come with it.
    """

    surface: str
    since: int | None
    carries: tuple[Lever, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def action(self) -> Action:
        return "promote"

    @property
    def writes(self) -> frozenset[str]:
        return _written(self.surface, self.carries)

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        if self.since is None:
            raise NoCandidate(head.tenant, self.surface)
        now = candidate_in(head, self.surface)
        if now is None or now.since != self.since:
            by = _ended_by(head, self.surface, self.since, facts)
            if by.action == "promote":
                return NoChange(f"candidate {self.surface}-{self.since} is promoted already by {told(by)}")
            raise LostRace(candidate_of(self.surface), by)
        check_candidate(head, self.surface, now)
        name = name_of(self.surface, now)
        if now.manifest is not None:
            check_reported(head, self.surface, now.manifest, self.evidence, facts, candidate=name)
        live, blobs = arm_of(head, self.surface, facts.document)
        return Draft(
            release=live,
            why=f"candidate {name} is live on {self.surface}: {', '.join(carried(now))}",
            blobs=blobs,
            forward=True,
        )


class Abort(msgspec.Struct, frozen=True, kw_only=True):
    """End a candidate; everybody gets what the surface serves. With ``hold``, hold on that surface what it carried, so
    that nobody's schedule begins it again. Passes under holds. ``since`` as for :class:`Promote`.
    """

    surface: str
    since: int | None
    carries: tuple[Lever, ...] = ()
    hold: bool = False
    reason: str = ""
    actor: str = ""
    at: str = ""

    @property
    def action(self) -> Action:
        return "abort"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        if self.since is None:
            return NoChange(f"{self.surface} runs no candidate")
        name = f"{self.surface}-{self.since}"
        now = candidate_in(head, self.surface)
        then, why = head, f"candidate {name} is aborted"
        if now is not None and now.since == self.since:
            then = with_candidate(head, self.surface, None)
        else:
            by = _ended_by(head, self.surface, self.since, facts)
            if by.action == "promote":
                raise AlreadyPromoted(name, by)
            why = f"candidate {name} ended already by {told(by)}"
        missing = tuple(lever for lever in self.carries if covering(head.holds, lever, self.surface) is None)
        if self.hold and missing:
            then = replace(then, holds=(*then.holds, self._held(missing, name, head.generation + 1)))
            why += f"; held: {said(missing, self.surface)}"
        return NoChange(why) if then is head else Draft(release=then, why=why)

    def _held(self, levers: tuple[Lever, ...], name: str, generation: int) -> Hold:
        return Hold(
            surface=self.surface,
            levers=levers,
            reason=f"candidate {name} was aborted" + (f": {self.reason}" if self.reason else ""),
            actor=self.actor,
            since=self.at,
            generation=generation,
        )


def check_candidate(head: Release, surface: str, candidate: Candidate, holds: tuple[Hold, ...] | None = None) -> None:
    """Raise :class:`Held` when anything a candidate carries is held on its surface."""
    for lever in carried(candidate):
        hold = covering(head.holds if holds is None else holds, lever, surface)
        if hold is not None:
            raise Held(head.tenant, f"{lever} of {surface}", hold)


def taken_back(then: Release, surface: str, *, head: Release, before: Release, after: Release, facts: Facts) -> Release:
    """Undo what release ``after`` did to the candidate of a surface.

    Who began one is undone by ending it, whatever its share has become. A share goes back to what it was, unless it
    was changed again. What ended one is undone by running it again only if it did nothing else than end it: an abort.
    A promotion or rollback that is taken back does not bring back the candidate, because whoever takes a change back
    wants to see less of it, not a share of it: going back is always a brake, under holds too.
    """
    now, was, became = (candidate_in(release, surface) for release in (head, before, after))
    runs = now is not None and became is not None and now.since == became.since
    if became is not None and (was is None or was.since != became.since):
        return with_candidate(then, surface, None) if runs else then
    if became is not None and was is not None:
        if now is None or not runs or now.share == was.share:
            return then
        if now != became:
            raise CannotUndo(
                f"{told(after)} cannot be taken back alone: the share was changed again, to {_percent(now.share)}",
                next_step=f"set the one you mean: recsys candidate start --tenant {head.tenant} --surface {surface} "
                f"--share {was.share:g}",
            )
        return with_candidate(then, surface, replace(now, share=was.share))
    if was is None or touched(before, after) - {"holds"} != {candidate_of(surface)}:
        return then
    if now is not None and now.since != was.since:
        raise CandidateRuns(head, name_of(surface, now), facts.record(now.since), surface)
    if manifest_of(then, surface) is None:
        raise CannotUndo(f"{told(after)} cannot be taken back: {surface} serves nothing now")
    return then if now is not None else with_candidate(then, surface, was)


def _written(surface: str, levers: tuple[Lever, ...]) -> frozenset[str]:
    """Name the candidate and what it stands in place of: it is judged against that, as the command's caller saw it."""
    replaced = (artifacts_of(surface) if lever == "artifacts" else lever for lever in levers)
    return frozenset({candidate_of(surface), *replaced})


def _ended_by(head: Release, surface: str, since: int, facts: Facts) -> Release:
    """Return the newest release that ended the candidate begun in generation ``since``."""
    for generation in range(head.generation, since, -1):
        last = candidate_in(facts.record(generation - 1), surface)
        if last is not None and last.since == since:
            return facts.record(generation)
    return head


def _same_part(
    given: bytes | None, named: str | None, part: Callable[[bytes, str], bytes], surface: str, facts: Facts
) -> bool:
    if given is None or named is None:
        return given is None and named is None
    return part(given, surface) == part(facts.document(named), surface)


def _config_elsewhere(data: bytes, surface: str) -> bytes:
    return with_config_part(data, surface, b"null")


def _rules_elsewhere(data: bytes, surface: str) -> bytes:
    return with_rules_part(data, surface, b"[]")


def _refused_elsewhere(tenant: str, lever: str, surface: str, live: bytes, ours: bytes) -> Refused:
    first = differences(live, ours)[0]
    if lever == "config":
        return Refused(
            f"the candidate's config differs from what is in force outside `surfaces.{surface}`: {first}",
            next_step=f"put under `surfaces.{surface}` what {surface} alone is to try; "
            f"what is for all: recsys config put --tenant {tenant}",
        )
    return Refused(
        f"the candidate's rules differ from those in force in rules that are not of {surface} alone: {first}",
        next_step=f'give such a rule `"surface": "{surface}"`; what is for all: recsys rules put --tenant {tenant}',
    )


def _percent(share: float) -> str:
    return f"{share * 100:.6g}%"
