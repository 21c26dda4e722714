"""The one commit loop: plan, write the blobs, verify the closure, create the record, and settle how that
ended.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec
from msgspec.structs import replace

from recsys.access import Standing
from recsys.encoding import rfc3339
from recsys.errors import OutcomeUnknown
from recsys.releases.attempt import Attempt
from recsys.releases.change import Change, parts_between, undo_command
from recsys.releases.closure import Closure
from recsys.releases.create import Create
from recsys.releases.errors import (
    AttemptReused,
    BeingCollected,
    LogForked,
    LostRace,
    NewerFormat,
    NoReleases,
    NotUnderstood,
    told,
)
from recsys.releases.evidence import NO_EVIDENCE, Evidence
from recsys.releases.history import Entry, History, broken_link
from recsys.releases.hold import newly_held
from recsys.releases.plan import Beside, Draft, Gate, Intent, NoChange
from recsys.releases.reach import newly_named
from recsys.releases.rebase import Needs, cell
from recsys.releases.record import FORMAT, Action, Release, Requires, format_of, levers_touched, touched
from recsys.replicas import alive
from recsys.store import CommitState, Corrupt, Denied, Missing, Queueing, Store, Unavailable

__all__ = ["Committer", "Words"]

MOST_RACES: Final = 1_000
"""Every lost race is another's commit, so this many in a row is a flood, and someone should look."""


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What a release says about itself beside its content."""

    actor: str
    attempt: Attempt
    reason: str = ""
    evidence: Evidence = NO_EVIDENCE
    dry_run: bool = False


class Committer:
    """Carries intents into one tenant's log."""

    def __init__(self, store: Store, history: History, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._history = history
        self._clock = clock
        self._standing = Standing(store, history.tenant)

    def commit(self, intent: Intent, words: Words, *, gate: Gate | None = None) -> Change:
        """Carry one intent into the log, rebasing over whoever is faster where the table allows it.

        Raises
        ------
        Refused
            With the facts, when a hold, a precondition, the gate, the closure or a lost race forbids it.
        OutcomeUnknown
            When the store did not say whether the record was created. Nothing is cleaned up; its attempt
            resumes.
        """
        if not (words.dry_run and isinstance(intent, Create)):  # that would make the tenant anew first
            self.check_standing()
        log = self._store.releases
        if gate is not None or words.dry_run or not isinstance(log, Queueing):
            return self._committed(intent, words, gate)  # behind a gate, which may think for long, nobody waits
        with log.queue(self._history.tenant):
            return self._committed(intent, words, None)

    def _committed(self, intent: Intent, words: Words, gate: Gate | None) -> Change:
        done = self.done_before(intent.action, words.attempt)
        if done is not None:
            return done
        base = self._history.newest()
        if base is not None and words.attempt.resumed and 0 < words.attempt.start < base.release.generation:
            base, _ = self._past(intent, self._history.entry(words.attempt.start), words)
        gated: tuple[str, ...] | None = None
        for _ in range(MOST_RACES):
            head = None if base is None else base.release
            planned = self._planned(intent, head, words)
            if isinstance(planned, NoChange):
                assert head is not None
                return Change(release=head, changed=False, why=planned.why, dry_run=words.dry_run)
            release = self._stamped(planned, intent, words, base)
            if gate is not None and gated is None:
                gated = gate(release)
            if gated:
                release = replace(release, evidence=(*release.evidence, *gated))
            change = Change(
                release=release,
                changed=True,
                why=planned.why,
                undo=undo_command(release) if planned.undo is None else planned.undo,
                dry_run=words.dry_run,
                parts=parts_between(head, release),
                held=_holds_more(head, release),
                documents=planned.blobs if words.dry_run else (),
            )
            if not self._settled(planned, release, head, words):
                base, again = self._past(intent, base, words)
                if _made_by(base.release, words.attempt, intent.action):
                    return replace(change, release=base.release, verified=True)
                gated = None if again else gated
                continue
            return replace(change, verified=True)
        raise LostRace(intent.action, self._history.head().release)

    def check_standing(self) -> None:
        """Refuse for a tenant that was deleted; see :class:`recsys.access.Standing`."""
        self._standing.check()

    def _planned(self, intent: Intent, head: Release | None, words: Words) -> Draft | NoChange:
        if head is None:
            if not isinstance(intent, Create):
                raise NoReleases(self._history.tenant)
            return intent.first()
        if head.requires.format > FORMAT:
            raise NewerFormat(head, FORMAT)
        return intent.plan(head, Beside(self._history, words.evidence.reports))

    def _stamped(self, planned: Draft, intent: Intent, words: Words, base: Entry | None) -> Release:
        generation = 1 if base is None else base.release.generation + 1
        supersedes = planned.release.supersedes if intent.action == "restore" else None
        moved = levers_touched({"config", "rules"} if base is None else touched(base.release, planned.release))
        return replace(
            planned.release,
            generation=generation,
            attempt=words.attempt.id,
            intent=words.attempt.intent,
            at=rfc3339(self._clock()),
            actor=words.actor,
            action=intent.action,
            reason=words.reason,
            evidence=words.evidence.digests,
            changed={**planned.release.changed, **dict.fromkeys(sorted(moved), generation)},
            restores=planned.restores,
            supersedes=supersedes,
            requires=Requires(format=format_of(replace(planned.release, supersedes=supersedes))),
            previous=None if base is None else base.digest,
        )

    def _settled(self, planned: Draft, release: Release, head: Release | None, words: Words) -> bool:
        """Write, verify and append; tell whether it is committed (or would be) rather than lost."""
        tenant, blobs, named = release.tenant, self._store.blobs, (*words.evidence.reports, *planned.blobs)
        if not words.dry_run:
            self._store.require_sound()
            for data in named:
                blobs.put(tenant, data)
        pending = named if words.dry_run else ()
        Closure(blobs, tenant, pending=pending).check(release, head, forward=planned.forward)
        if head is not None:
            self._check_not_condemned(release, head, named)
            self._check_understood(release, head)
        if words.dry_run:
            return True
        self.check_standing()
        commit = self._store.releases.append(tenant, release.generation, release.encode())
        if commit.state is CommitState.UNKNOWN:
            token = words.attempt.token
            raise OutcomeUnknown(
                f"store {self._store.name} did not say whether generation {release.generation} of {tenant} "
                f"({release.action}) was written",
                attempt=token,
                next_step=f"run the same command again with --attempt {token}; it is not done twice",
            )
        if commit.state is not CommitState.COMMITTED:
            return False
        with suppress(Unavailable, Denied):  # it stands; that the store says no more now must not be told as a failure
            self._standing.check(written=f"generation {release.generation}")  # deleted since the look just before?
        return True

    def _check_not_condemned(self, release: Release, head: Release, blobs: tuple[bytes, ...]) -> None:
        """Refuse to name what a collection under way is about to delete."""
        if head.condemned is None or release.condemned != head.condemned:
            return
        facts = Beside(self._history, blobs)
        found = newly_named(head, release, facts, today=self._store.blobs.today())
        if not found:
            return  # what stands there is not among it
        try:
            condemned = msgspec.json.decode(self._history.document(head.condemned), type=frozenset[str])
        except (Missing, Corrupt, msgspec.DecodeError) as error:
            raise BeingCollected(head, min(found)) from error  # it may be
        hit = condemned & found
        if hit:
            raise BeingCollected(head, min(hit))

    def _check_understood(self, release: Release, head: Release) -> None:
        """Refuse what a serving host that is alive could not read: it would fall back to the release before."""
        needed = release.requires.format
        if needed > head.requires.format:
            behind = sorted(beat.host for beat in alive(self._store.objects) if beat.format < needed)
            if behind:
                raise NotUnderstood(release, behind)

    def _past(self, intent: Intent, base: Entry | None, words: Words) -> tuple[Entry, bool]:
        """Consult the table for every release that came in between.

        Returns the newest record to go on from and whether the gate must run again; or the record of our
        own attempt, when it turns out to stand.
        """
        newest = self._history.head()
        seen = 0 if base is None else base.release.generation
        again = False
        clash: tuple[str, Release] | None = None
        for generation in range(seen + 1, newest.release.generation + 1):
            theirs = self._history.entry(generation)
            if _made_by(theirs.release, words.attempt, intent.action):
                return theirs, again
            needs = cell(intent.action, theirs.release.action)
            before = self._history.entry(generation - 1) if generation > 1 else None
            problem = _another_log(theirs.release) if Needs.NEVER in needs else before and broken_link(before, theirs)
            if problem:
                raise LogForked(self._history.tenant, generation, problem)
            moved = touched(before.release, theirs.release) if before else frozenset()
            if Needs.GATE in needs and moved & {"config", "rules"}:
                again = True
            if Needs.APART in needs and intent.writes & moved:
                clash = (sorted(intent.writes & moved)[0], theirs.release)
        if clash is not None and isinstance(self._planned(intent, newest.release, words), Draft):
            raise LostRace(*clash)
        return newest, again

    def done_before(self, action: Action, attempt: Attempt) -> Change | None:
        """Return the change that a resumed attempt made, if its record stands in the log."""
        newest = self._history.newest() if attempt.resumed else None
        if newest is None:
            return None
        last = newest.release.generation
        for release in self._history.back_from(last, until=attempt.oldest(last)):
            if not _made_by(release, attempt, action):
                continue
            before = self._history.record(release.generation - 1) if release.generation > 1 else None
            return Change(
                release=release,
                changed=True,
                why="this attempt was committed",
                undo=undo_command(release) if before else "",
                parts=parts_between(before, release),
                held=_holds_more(before, release),
                verified=True,
            )
        return None


def _made_by(release: Release, attempt: Attempt, action: Action) -> bool:
    """Tell whether a release is this attempt's; raises :class:`AttemptReused` when it was for another change."""
    if release.attempt != attempt.id:
        return False
    if release.action != action or (None not in (release.intent, attempt.intent) and release.intent != attempt.intent):
        raise AttemptReused(attempt.id, release, action)
    return True


def _another_log(theirs: Release) -> str:
    return f"is {told(theirs)}: the log was restored from a backup" if theirs.supersedes else "begins the log again"


def _holds_more(before: Release | None, after: Release) -> bool:
    return before is not None and bool(newly_held(before.holds, after.holds))
