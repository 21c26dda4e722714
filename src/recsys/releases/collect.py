"""Collect garbage: delete the blobs that nothing needs any more, through the log.

Three steps, of which the first and the last are commits like any other:

1. **Condemn.** Release ``gc`` names the list of digests that will be deleted (``condemned``).
2. **Delete** them.
3. **Done.** Release ``gc`` names no list.

Why nothing that a release needs is deleted, whatever is interleaved, killed or paused:

- *One collector of a tenant at a time* (:func:`~recsys.store.alone`). All deletes of a list are sent between the
  commits 1 and 3, by the one that is inside; a dead collector sends none, and the next one sends all of them again. So
  what follows need only look at publishers against one collector.
- *Record M is made by someone who had read M-1.* Creating M is the commit, and of many one succeeds. Its maker wrote
  its blobs and checked its closure after reading M-1: M-1 either names a list that is being deleted, or it does not.
- *M-1 names no list.* Then no delete is under way, and none begins before a later record says so: what M's maker
  found in the store stays there until M stands. If the list is committed first, as M, the publisher has lost that
  number: it reads M, writes its blobs again, checks its closure again, and meets the next case.
- *M-1 names a list.* Then M may not name for the first time what is on it, and is refused. What M-1 has already is
  not on it: the list was made from that very log, or from records before it that passed this same rule.
- *The list is made against the release it follows.* It is planned like every change: losing its number to a ship, it
  is planned again with what that ship named, and with all the ceiling keeps then.
- *After 3* the digests are free again: whoever names one must find it, so it must have been written again, and no
  delete is left that could meet it.

Youth (the grace) is no part of that argument. It spares publishers who have written their blobs and not committed yet,
by the store's own time; with a clock that lies they are refused at their commit, and publish again.

Killed between 1 and 3, the list stays in force: nothing on it can be named, so how many of the deletes were done
concerns nobody, and the next collection ends it before it begins its own. If the list itself cannot be read, the next
one commits 3 without deleting: it is alone, so no delete is left, and what is still there is garbage to find again.

Personal artifacts past their last day are condemned although releases name them. All that reads a closure takes them
for absent from that day on (``closure``, ``reach``), so the argument above holds for everything else.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec
from msgspec.structs import replace

from recsys.encoding import canonical, digest
from recsys.errors import UsageError
from recsys.progress import Progress, silent
from recsys.releases.ceiling import KEEP, Kept, Walk, kept
from recsys.releases.errors import BeingCollected, told
from recsys.releases.garbage import Collection, counted
from recsys.releases.plan import Draft, Facts, NoChange
from recsys.releases.record import Action, Release
from recsys.releases.tenant import Attempted, Releases
from recsys.store import Alone, Corrupt, Entry, Missing, Store, alone

__all__ = ["GRACE_S", "collect_garbage"]

GRACE_S: Final = 86_400.0
"""How long a blob that nothing names may wait for its release: longer than any pipeline takes."""
LOOK_EVERY: Final = 16
"""Deletes between two looks at the log: a look costs about as much as a delete."""


def collect_garbage(
    store: Store,
    tenant: str,
    *,
    actor: str,
    keep: int = KEEP,
    grace_s: float = GRACE_S,
    reason: str = "",
    dry_run: bool = False,
    attempt: Attempted = None,
    progress: Progress = silent,
) -> Collection:
    """Delete what the ceiling (:mod:`~recsys.releases.ceiling`) does not cover and what is older than ``grace_s``.

    ``keep``: distinct contents of each lever, at least 1. A collection that was cut short is ended first. A dry run
    counts, and neither ends nor begins one.

    Raises
    ------
    Busy
        When another process collects this tenant's garbage.
    Refused, Failed
        When the log, or a manifest that is kept, is damaged: what is not known is not deleted.
    OutcomeUnknown
        As every commit; running it again, with ``attempt`` or without, ends what it began.
    """
    if keep < 1:
        raise UsageError(f"keep is {keep}; at least 1 content of each lever is kept: the one in force")
    if not grace_s >= 0:
        raise UsageError(f"the grace is {grace_s} s; it cannot be negative")
    run = _Run(store, tenant, actor=actor, reason=reason, progress=progress)
    if dry_run:
        return run.tried(keep, grace_s, attempt)
    with alone(store.objects, f"blobs/{run.releases.tenant}/") as mine:
        return run.made(keep, grace_s, attempt, mine)


class Condemn(msgspec.Struct, frozen=True, kw_only=True):
    """Step 1. ``aged``: blobs older than the grace when they were listed; ``present``: all that were."""

    aged: frozenset[str]
    present: frozenset[str]
    keep: int
    today: date

    @property
    def action(self) -> Action:
        return "gc"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        if head.condemned is not None:
            raise BeingCollected(head, head.condemned)
        condemned = self.condemned(self.kept(head, facts))
        if not condemned:
            return NoChange("there is no garbage to collect")
        data = canonical(condemned)
        why = f"{len(condemned)} blobs are condemned"
        return Draft(release=replace(head, condemned=digest(data)), why=why, blobs=(data,), undo="")

    def kept(self, head: Release, facts: Facts, *, walked: Walk = lambda _n: None) -> Kept:
        """Say what stays when ``head`` is the newest."""
        return kept(head, facts, keep=self.keep, today=self.today, present=self.present, walked=walked)

    def condemned(self, stay: Kept) -> list[str]:
        """Return what goes, sorted."""
        return sorted((self.aged - stay.digests) | (self.present & stay.lapsed))


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Step 3, for the list of this digest."""

    condemned: str

    @property
    def action(self) -> Action:
        return "gc"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:  # noqa: ARG002 - the record says it all
        if head.condemned != self.condemned:
            return NoChange("that collection is done")
        return Draft(release=replace(head, condemned=None), why="the condemned blobs are deleted", undo="")


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a listing of the store showed, and what follows from it."""

    held: Mapping[str, Entry]
    grace_s: float
    intent: Condemn


class _Run:
    """One run of the collector."""

    def __init__(self, store: Store, tenant: str, *, actor: str, reason: str, progress: Progress) -> None:
        self.releases = Releases(store, tenant, actor=actor)
        self._store = store
        self._facts = self.releases.history
        self._reason = reason
        self._progress = progress

    def tried(self, keep: int, grace_s: float, attempt: Attempted) -> Collection:
        head = self.releases.current()
        found = self._found(keep, grace_s)
        if head.condemned is None:  # a dry run says no where the run would
            begun = self.releases.begin(attempt, "gc")
            self.releases.carry(found.intent, reason=self._reason, dry_run=True, attempt=begun)
        going = found.intent.condemned(self._kept(head, found.intent))
        return self._counted(head, found, going, dry_run=True)

    def made(self, keep: int, grace_s: float, attempt: Attempted, mine: Alone) -> Collection:
        begun = self.releases.begin(attempt, "gc")
        earlier = self.releases.current()
        ended = None if earlier.condemned is None else self._end(earlier.condemned, mine)
        found = self._found(keep, grace_s)
        change = self.releases.carry(found.intent, reason=self._reason, dry_run=False, attempt=begun)
        named = change.release.condemned if change.changed else None
        going = [] if named is None else self._list(named) or []
        counts = self._counted(change.release, found, going, dry_run=False)
        done = ended
        if named is not None and self.releases.current().condemned == named:
            done = self._end(named, mine)
        self._sweep(max(grace_s, GRACE_S))
        return replace(
            counts,
            finished=None if ended is None else ended.generation,
            begun=None if named is None else change.release.generation,
            done=None if done is None else done.generation,
            generation=self.releases.current().generation,
        )

    def _found(self, keep: int, grace_s: float) -> "_Found":
        held = {}
        with self._progress("list blobs") as advance:
            for named, entry in self._store.blobs.entries(self.releases.tenant):
                held[named] = entry
                advance(1)
        aged = frozenset(named for named, entry in held.items() if entry.age_s > grace_s)
        today = self._store.blobs.today()
        intent = Condemn(aged=aged, present=frozenset(held), keep=keep, today=today)
        return _Found(held=held, grace_s=grace_s, intent=intent)

    def _kept(self, head: Release, intent: Condemn) -> Kept:
        with self._progress("read the log", total=head.generation) as advance:
            return intent.kept(head, self._facts, walked=advance)

    def _counted(self, head: Release, found: "_Found", going: list[str], *, dry_run: bool) -> Collection:
        stay = self._kept(head, found.intent)
        return Collection(
            tenant=head.tenant,
            dry_run=dry_run,
            generation=head.generation,
            keep=found.intent.keep,
            grace_s=found.grace_s,
            kinds=counted(found.held, frozenset(going), head, self._facts),
            personal=len(stay.lapsed & frozenset(going)),
            oldest=stay.oldest,
            unfinished=told(head) if dry_run and head.condemned is not None else None,
        )

    def _end(self, named: str, mine: Alone) -> Release:
        """Steps 2 and 3 for the list that is in force. An attempt of its own: done twice, it changes nothing."""
        condemned = self._list(named)
        with self._progress("delete", total=len(condemned or ())) as advance:
            for n, blob in enumerate(condemned or ()):
                if n % LOOK_EVERY == 0:
                    self.releases.current()  # raises where a backup was put in the place of this log
                mine.still()
                self._store.blobs.delete(self.releases.tenant, blob)
                advance(1)
        mine.still()
        begun = self.releases.begin(None, "gc")
        return self.releases.carry(Done(condemned=named), reason=self._reason, dry_run=False, attempt=begun).release

    def _list(self, named: str) -> list[str] | None:
        """Read what is condemned; ``None`` when the list is lost, and with it the right to delete."""
        try:
            return msgspec.json.decode(self._store.blobs.read(self.releases.tenant, named), type=list[str])
        except (Missing, Corrupt, msgspec.DecodeError):
            return None

    def _sweep(self, grace_s: float) -> None:
        """Remove what probes of the store left behind when they were killed."""
        for entry in self._store.objects.entries("probe/"):
            if entry.age_s > grace_s:
                self._store.objects.delete(entry.key)
