"""The releases of one tenant: see them, change them, take changes back. What callers use."""

import dataclasses
import time
import uuid
from collections.abc import Callable, Iterable

import msgspec

from recsys.catalog import OverlayRow
from recsys.documents import canonical_config, canonical_rules
from recsys.encoding import canonical, digest, rfc3339
from recsys.errors import UsageError
from recsys.releases.attempt import Attempt, intent_digest
from recsys.releases.candidates import Candidates
from recsys.releases.change import Change
from recsys.releases.checkpoint import Checkpoint
from recsys.releases.collected import telling
from recsys.releases.commit import Committer, Words
from recsys.releases.create import Create
from recsys.releases.diff import Diff, diff_releases
from recsys.releases.evidence import NO_EVIDENCE, Evidence, gathered
from recsys.releases.expect import Expect
from recsys.releases.history import History
from recsys.releases.hold import PlaceHold, Resume, all_levers
from recsys.releases.items import UpdateItems
from recsys.releases.plan import Gate, Intent
from recsys.releases.put import PutConfig, PutRules, SwitchRule
from recsys.releases.record import Action, Lever, Release
from recsys.releases.rollback import Rollback, aim, target
from recsys.releases.ship import Ship
from recsys.releases.signing import PublicKeys
from recsys.releases.undo import Undo, newest_to_undo
from recsys.releases.verify import Verification, verify
from recsys.releases.withdraw import Withdraw, checked_ids
from recsys.store import Log, Store, check_name
from recsys.store.names import check_digest

__all__ = ["PAGE_MOST", "Page", "Releases"]

Attempted = Attempt | str | None
"""A try that may have been made before, by itself or as an error named it; ``None`` begins a new one."""
PAGE_MOST = 1_000
"""More in one answer is an export; ask for the next page."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Releases, newest first; ``next`` is what to give as ``before`` for the older ones, ``None`` at the
    end.
    """

    releases: tuple[Release, ...]
    next: int | None


class Releases:
    """One tenant's log of releases.

    Every change takes ``reason``, ``dry_run`` (plan, gate and verify everything, write nothing) and
    ``attempt`` (resume one whose outcome was unknown), and returns a :class:`Change` with the command that
    takes it back. Changes raise :class:`~recsys.errors.Refused` with the facts, and
    :class:`~recsys.errors.OutcomeUnknown`.

    Parameters
    ----------
    actor
        Who changes things, for the record.
    clock, new_id
        Seconds since 1970, for labels only; and fresh ids of attempts and logs.
    """

    def __init__(
        self,
        store: Store,
        tenant: str,
        *,
        actor: str,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.store = store
        self.tenant = check_name(tenant, what="tenant")
        self.actor = actor
        self._clock = clock
        self._new_id = new_id
        self._history = History(store.releases, store.blobs, tenant)
        self._committer = Committer(store, self._history, clock=clock)

    def over(self, log: Log) -> "Releases":
        """Return these releases, read and written through another view of their log."""
        store = dataclasses.replace(self.store, releases=log)
        return Releases(store, self.tenant, actor=self.actor, clock=self._clock, new_id=self._new_id)

    # -- seeing
    # -------------------------------------------------------------------------------------------------

    def head(self) -> Release | None:
        """Return the newest release; ``None`` when the tenant has none."""
        entry = self._history.newest()
        return None if entry is None else entry.release

    def current(self) -> Release:
        """Return the newest release; raises :class:`~recsys.releases.NoReleases`."""
        return self._history.head().release

    def read(self, generation: int) -> Release:
        """Return one release; raises :class:`~recsys.releases.UnknownGeneration`."""
        if generation < 1:
            raise UsageError(f"generations count from 1, not {generation}")
        return self._history.record(generation)

    def list(self, *, limit: int = 50, before: int | None = None) -> Page:
        """Return up to ``limit`` releases below ``before``, newest first."""
        if not 1 <= limit <= PAGE_MOST:
            raise UsageError(f"limit is {limit}; it must lie in 1..{PAGE_MOST}")
        newest = self.store.releases.head(self.tenant) or self.current().generation  # which says that there is none
        start = newest if before is None else min(newest, before - 1)
        end = max(0, start - limit)
        page = tuple(self._history.back_from(start, until=end))
        return Page(releases=page, next=end + 1 if end > 0 else None)

    def diff(self, a: int, b: int) -> Diff:
        """Say what changed from generation ``a`` to ``b``."""
        with telling(f"comparing {a} with {b}", self._history, self.store.blobs):
            return diff_releases(self.read(a), self.read(b), self._history)

    def verify(self, *, checkpoint: Checkpoint | None = None, keys: PublicKeys | None = None) -> Verification:
        """Read all the log names and say what is wrong; against a checkpoint kept elsewhere, and with the public keys
        of those who sign, where given.
        """
        return verify(self.store, self.tenant, checkpoint=checkpoint, keys=keys)

    def follow(self, seen: Release | None) -> Release:
        """Return the newest release, for a reader that has ``seen`` one before.

        Raises :class:`~recsys.releases.LogForked` when the log is not the one that release stands in: keep
        what is loaded, and say so.
        """
        return self.current() if seen is None else self._history.follow(seen)

    @property
    def candidates(self) -> Candidates:
        """What is tried on a share of units: begin, promote, abort."""
        return Candidates(self)

    # -- changing
    # -----------------------------------------------------------------------------------------------

    def create(self, *, reason: str = "", dry_run: bool = False, attempt: Attempted = None) -> Change:
        """Begin the log: generation 1 with an empty config and no rules. Doing it again changes nothing."""
        intent = Create(tenant=self.tenant, log=self._new_id())
        return self.carry(intent, reason=reason, dry_run=dry_run, attempt=self.begin(attempt, "create"))

    def ship(
        self,
        surface: str,
        manifest: str,
        *,
        reason: str = "",
        evidence: Iterable[str | bytes] = (),
        expect: str | None = None,
        gate: Gate | None = None,
        dry_run: bool = False,
        attempt: Attempted = None,
    ) -> Change:
        """Make a published manifest live on a surface.

        ``evidence``: reports kept with the release, as digests of stored ones, or as bytes that are stored with it.
        ``expect``: refuse unless the surface's artifacts stand as in this generation (``N`` or ``N:sha256:…``).
        ``gate`` judges the release that would be committed, again when config or rules change on the way.
        """
        kept = gathered(evidence)
        intent = Ship(
            surface=check_name(surface, what="surface"),
            manifest=check_digest(manifest),
            evidence=kept.digests,
            expect=None if expect is None else Expect.parse(expect),
        )
        begun = self.begin(attempt, "ship", surface=surface, manifest=manifest)
        return self.carry(intent, reason=reason, evidence=kept, gate=gate, dry_run=dry_run, attempt=begun)

    def put_config(
        self,
        data: bytes,
        *,
        expect: str | None = None,
        reason: str = "",
        dry_run: bool = False,
        attempt: Attempted = None,
    ) -> Change:
        """Put a config document in force; ``expect`` as for :meth:`ship`."""
        wanted = None if expect is None else Expect.parse(expect)
        intent = PutConfig(data=canonical_config(data), expect=wanted)
        begun = self.begin(attempt, "config", document=digest(intent.data))
        return self.carry(intent, reason=reason, dry_run=dry_run, attempt=begun)

    def put_rules(
        self,
        data: bytes,
        *,
        expect: str | None = None,
        reason: str = "",
        dry_run: bool = False,
        attempt: Attempted = None,
    ) -> Change:
        """Put a rules document in force; ``expect`` as for :meth:`ship`."""
        wanted = None if expect is None else Expect.parse(expect)
        intent = PutRules(data=canonical_rules(data), expect=wanted)
        begun = self.begin(attempt, "rules", document=digest(intent.data))
        return self.carry(intent, reason=reason, dry_run=dry_run, attempt=begun)

    def disable_rule(
        self, rule_id: str, *, reason: str = "", dry_run: bool = False, attempt: Attempted = None
    ) -> Change:
        """Switch one rule off; passes under a hold."""
        intent = SwitchRule(rule_id=rule_id, enabled=False)
        begun = self.begin(attempt, "rules", disable=rule_id)
        return self.carry(intent, reason=reason, dry_run=dry_run, attempt=begun)

    def enable_rule(
        self, rule_id: str, *, reason: str = "", dry_run: bool = False, attempt: Attempted = None
    ) -> Change:
        """Switch one rule on again."""
        intent = SwitchRule(rule_id=rule_id, enabled=True)
        begun = self.begin(attempt, "rules", enable=rule_id)
        return self.carry(intent, reason=reason, dry_run=dry_run, attempt=begun)

    def rollback(
        self,
        lever: Lever,
        *,
        surface: str | None = None,
        to: int | None = None,
        further: bool = False,
        no_hold: bool = False,
        reason: str = "",
        evidence: Iterable[str | bytes] = (),
        dry_run: bool = False,
        attempt: Attempted = None,
    ) -> Change:
        """Pull a lever: a new generation that names old content. Passes under holds.

        Without ``to`` it goes to the newest content older than what is in force and different from it; when
        that was itself brought back, only with ``further``. Rolling back artifacts also holds them, unless
        ``no_hold``.
        """
        if lever not in ("config", "rules", "artifacts", "all"):
            raise UsageError(f"there is no lever {lever}", next_step="levers: config, rules, artifacts, all")
        if surface is not None:
            check_name(surface, what="surface")
        begun = self.begin(attempt, "rollback", lever=lever, surface=surface, to=to, further=further, no_hold=no_hold)
        start = self.seen_by(begun)
        pulled = aim(start, lever, surface)
        done = self._committer.done_before("rollback", begun)
        if done is not None:
            return msgspec.structs.replace(done, lever=lever, surface=pulled.surface)
        with telling(f"the rollback of {pulled}", self._history, self.store.blobs, pulled=pulled):
            intent = Rollback(
                pulled=pulled,
                to=target(start, self._history, pulled, to=to, further=further),
                hold=not no_hold,
                reason=reason,
                actor=self.actor,
                since=self.now(),
            )
            change = self.carry(intent, reason=reason, evidence=gathered(evidence), dry_run=dry_run, attempt=begun)
        return msgspec.structs.replace(change, lever=lever, surface=pulled.surface)

    def undo(
        self,
        generation: int | None = None,
        *,
        reason: str = "",
        dry_run: bool = False,
        attempt: Attempted = None,
    ) -> Change:
        """Take one change back: of the newest generation, or of the one named, as long as nothing stands on
        it.
        """
        begun = self.begin(attempt, "undo", of=generation)
        start = self.seen_by(begun)
        done = self._committer.done_before("undo", begun)
        if done is not None:
            return done
        if generation is None:
            generation = newest_to_undo(start, self._history)
        self.read(generation)
        with telling(f"the undo of generation {generation}", self._history, self.store.blobs):
            return self.carry(Undo(of=generation), reason=reason, dry_run=dry_run, attempt=begun)

    def hold(
        self,
        *,
        surface: str | None = None,
        levers: Iterable[str] | None = None,
        reason: str = "",
        evidence: Iterable[str | bytes] = (),
        dry_run: bool = False,
        attempt: Attempted = None,
    ) -> Change:
        """Stop shipping: refuse changes to these levers (default all) of one surface, or of every surface."""
        intent = PlaceHold(
            surface=None if surface is None else check_name(surface, what="surface"),
            levers=all_levers(levers),
            reason=reason,
            actor=self.actor,
            since=self.now(),
        )
        begun = self.begin(attempt, "hold", surface=surface, levers=intent.levers)
        return self.carry(intent, reason=reason, evidence=gathered(evidence), dry_run=dry_run, attempt=begun)

    def resume(
        self,
        *,
        surface: str | None = None,
        levers: Iterable[str] | None = None,
        reason: str = "",
        dry_run: bool = False,
        attempt: Attempted = None,
    ) -> Change:
        """Lift the holds of exactly this scope."""
        intent = Resume(
            surface=None if surface is None else check_name(surface, what="surface"),
            levers=all_levers(levers),
        )
        begun = self.begin(attempt, "resume", surface=surface, levers=intent.levers)
        return self.carry(intent, reason=reason, dry_run=dry_run, attempt=begun)

    def withdraw(
        self, ids: Iterable[str], *, reason: str = "", dry_run: bool = False, attempt: Attempted = None
    ) -> Change:
        """Never serve these items again, whatever is rolled back; passes under holds."""
        intent = Withdraw(ids=checked_ids(tuple(ids)))
        begun = self.begin(attempt, "withdraw", ids=intent.ids)
        return self.carry(intent, reason=reason, dry_run=dry_run, attempt=begun)

    def restore_items(
        self, ids: Iterable[str], *, reason: str = "", dry_run: bool = False, attempt: Attempted = None
    ) -> Change:
        """Let withdrawn items be served again."""
        intent = Withdraw(ids=checked_ids(tuple(ids)), back=True)
        begun = self.begin(attempt, "withdraw", restored=intent.ids)
        return self.carry(intent, reason=reason, dry_run=dry_run, attempt=begun)

    def update_items(
        self,
        rows: tuple[OverlayRow, ...],
        *,
        clear: bool = False,
        reason: str = "",
        dry_run: bool = False,
        attempt: Attempted = None,
    ) -> Change:
        """Lay checked rows over the catalogue, on those there or with ``clear`` in their place."""
        intent = UpdateItems(rows=rows, clear=clear)
        begun = self.begin(attempt, "items", update=digest(canonical(rows)), clear=clear)
        return self.carry(intent, reason=reason, dry_run=dry_run, attempt=begun)

    # -- for the actions that live in files of their own
    # -----------------------------------------------------------------------------------------------

    @property
    def history(self) -> History:
        """The records and blobs that plans look at."""
        return self._history

    def begin(self, attempt: Attempted, action: Action, **asked: object) -> Attempt:
        """Begin a try, or take up an earlier one, and say what it asks for."""
        if action != "create":
            self._committer.check_standing()  # before the log, which a deleted tenant has no more
        if attempt is None:
            newest = self._history.newest()
            begun = Attempt(id=self._new_id(), start=newest.release.generation if newest else 0)
        else:
            begun = Attempt.parse(attempt) if isinstance(attempt, str) else attempt
        return msgspec.structs.replace(begun, intent=intent_digest(action, asked))

    def seen_by(self, attempt: Attempt) -> Release:
        """Return the release that was the newest when it began; as now, when that is not known."""
        return self.read(attempt.start) if attempt.start else self.current()

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
        """Carry an intent into the log; ``attempt`` from :meth:`begin`."""
        words = Words(actor=self.actor, reason=reason, evidence=evidence, attempt=attempt, dry_run=dry_run)
        return self._committer.commit(intent, words, gate=gate)

    def now(self) -> str:
        """Return the moment as records label it."""
        return rfc3339(self._clock())
