"""Restore: after a store was put back from an older backup, make a new log of it, numbered above all that anybody saw.

Every other change is one record. This one writes as many as are needed to stand above what readers have seen, each
whole by itself: stopped anywhere, the log is right, and the same command goes on.
"""

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import msgspec
from msgspec.structs import replace

from recsys.errors import RecsysError, Refused, UsageError
from recsys.releases.attempt import Attempt
from recsys.releases.change import Change
from recsys.releases.checkpoint import Checkpoint, Mark
from recsys.releases.closure import Closure
from recsys.releases.errors import NotWhole, UnfitRelease, UnknownGeneration, WrittenMeanwhile, told
from recsys.releases.history import History
from recsys.releases.plan import Draft, Facts, NoChange
from recsys.releases.record import LEVERS, Action, Hold, Release, Supersedes, levers_touched, parts_of
from recsys.releases.tenant import Attempted, Releases
from recsys.replicas import alive, read_heartbeats
from recsys.store import Denied, Log, Missing, Truncated, Unavailable, alone
from recsys.store.over import LogOver

__all__ = ["Restoration", "Restore", "Seen", "restore"]

MOST_RECORDS: Final = 100_000
"""A generation so far above the copy is a slip of the finger: each number up to it becomes a record."""
HERE: Final = "this copy"
_LOOK_BACK: Final = 200
"""Contents looked at for one that is whole; a copy that lacks them all is no copy."""


class Seen(msgspec.Struct, frozen=True):
    """Who has seen the log up to which generation; ``forked``: they say that this log is another one."""

    who: str
    generation: int
    forked: bool = False


class Restoration(msgspec.Struct, frozen=True, kw_only=True):
    """What a restoration did. ``base``: the newest generation the copy had; ``content``: the one whose content is in
    force; ``gone``: first and last generation that somebody saw and the copy does not have.
    """

    change: Change
    base: int
    content: int
    seen: tuple[Seen, ...]
    gone: tuple[int, int] | None


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """Take up ``base`` as a new ``log``: its content, or an older one's, in every record up to ``above``."""

    base: Release
    content: Release
    log: str
    above: int
    restores: int | None = None

    @property
    def action(self) -> Action:
        return "restore"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:  # noqa: ARG002 - the content was fixed before
        if head.action == "restore" and head.log == self.log:
            if head.generation >= self.above:
                return NoChange("another run of this command finished it")
            return Draft(release=_moved(head), why=self._why(), restores=head.restores, undo="")
        if (head.log, head.generation, head.attempt) != (self.base.log, self.base.generation, self.base.attempt):
            raise WrittenMeanwhile(head)
        taken = Supersedes(log=self.base.log, generation=self.base.generation)
        begun = replace(self.content, generation=head.generation, log=self.log, supersedes=taken, condemned=None)
        return Draft(release=_moved(begun), why=self._why(), restores=self.restores, undo="")

    def _why(self) -> str:
        content = f", with the content of generation {self.restores}" if self.restores else ""
        return f"restored from generation {self.base.generation}{content}"


def _moved(release: Release) -> Release:
    """Say that every lever moved in the next generation: whoever expects a number of the old log must not be right."""
    levers = levers_touched(parts_of(release)) | levers_touched(release.changed)
    return replace(release, changed=dict.fromkeys(sorted(levers), release.generation + 1))


def restore(
    releases: Releases,
    *,
    to: int | None = None,
    above: int = 0,
    checkpoint: Checkpoint | None = None,
    hold: bool = True,
    reason: str = "",
    dry_run: bool = False,
    attempt: Attempted = None,
) -> Restoration:
    """Declare that this tenant's log was put back from a backup, so that its readers go over to it.

    Parameters
    ----------
    to
        Put the content of this older generation in force; by default of the newest in the copy.
    above
        The newest generation that anybody is known to have seen, beside what heartbeats, pointer and checkpoint say.
    checkpoint
        One that was kept elsewhere: it saw the log up to its mark.
    hold
        Hold everything, so that no schedule ships before somebody has looked.

    Raises
    ------
    NotWhole
        When the copy lacks something that the content names; says the newest generation that is whole.
    WrittenMeanwhile
        When somebody else writes into this log at the same time.
    Refused, OutcomeUnknown
        As every change.
    """
    ours = releases.over(_Standing(releases.store.releases))
    begun = ours.begin(attempt, "restore", to=to, above=above, hold=hold)
    head = ours.current()
    mark = None if checkpoint is None else checkpoint.mark(ours.tenant)
    seen = tuple(_seen(ours, head, above, mark))
    wanted = 1 + max((one.generation for one in seen if one.who != HERE), default=0)
    if head.action == "restore":
        return _go_on(ours, head, to, wanted, seen, reason=reason, dry_run=dry_run, attempt=begun)
    if wanted <= head.generation + 1 and not any(one.forked for one in seen):
        why = (
            f"nobody is known to have seen more than generation {head.generation}, which is here; if a host that does "
            "not report has: --above N"
        )
        nothing = Change(release=head, changed=False, why=why, dry_run=dry_run)
        return Restoration(change=nothing, base=head.generation, content=head.generation, seen=seen, gone=None)
    wanted = max(wanted, head.generation + 1)
    content = _content(ours, head, to)
    intent = Restore(
        base=head,
        content=_held(content, ours, reason) if hold else content,
        log=str(uuid.uuid4()),
        above=wanted,
        restores=to,
    )
    change = _carried(ours, intent, reason=reason, dry_run=dry_run, attempt=begun)
    return _done(change, head, to or head.generation, seen)


def _go_on(
    ours: Releases,
    head: Release,
    to: int | None,
    wanted: int,
    seen: tuple[Seen, ...],
    *,
    reason: str,
    dry_run: bool,
    attempt: Attempt,
) -> Restoration:
    """Finish a restoration that was left half way, by whomever; or say that it is done."""
    taken = head.supersedes
    assert taken is not None
    if to is not None and to != head.restores:
        raise UsageError(
            f"{told(head)} is a restoration already, of generation {head.restores or taken.generation}",
            next_step=f"choose other content by: recsys releases rollback --tenant {head.tenant} --lever all --to {to}",
        )
    base = ours.read(taken.generation)
    if wanted <= head.generation:
        why = f"it was restored from generation {base.generation} already, above all that anybody is known to have seen"
        change = Change(release=head, changed=False, why=why, dry_run=dry_run)
    else:
        intent = Restore(base=base, content=head, log=head.log, above=wanted, restores=head.restores)
        change = _carried(ours, intent, reason=reason, dry_run=dry_run, attempt=attempt)
    return _done(change, base, head.restores or base.generation, seen)


def _carried(ours: Releases, intent: Restore, *, reason: str, dry_run: bool, attempt: Attempt) -> Change:
    """Write record after record until the log stands above what was seen.

    Where the copy was taken in the middle of a collection, nobody may go on with that collection meanwhile: the new log
    does not name its list, so nothing would be refused that it deletes.
    """
    halted = nullcontext() if dry_run or intent.base.condemned is None else _no_collector(ours)
    with halted:
        return _written(ours, intent, reason=reason, dry_run=dry_run, attempt=attempt)


def _no_collector(ours: Releases) -> AbstractContextManager[object]:
    return alone(ours.store.objects, f"blobs/{ours.tenant}/")


def _written(ours: Releases, intent: Restore, *, reason: str, dry_run: bool, attempt: Attempt) -> Change:
    head = ours.current().generation
    if intent.above - head > MOST_RECORDS:
        raise UsageError(
            f"generation {intent.above - 1} is {intent.above - 1 - head:,} above the newest one here",
            next_step="is it spelt right? Every number up to it becomes a record",
        )
    fresh = replace(attempt, resumed=False)  # where it stopped is seen from the log, not from its first record
    change = ours.carry(intent, reason=reason, dry_run=dry_run, attempt=fresh)
    if dry_run:
        return replace(change, release=replace(change.release, generation=intent.above))
    parts, held = change.parts, change.held
    while change.release.generation < intent.above:
        intent = replace(intent, log=change.release.log)
        change = ours.carry(intent, reason=reason, dry_run=False, attempt=fresh)
    return replace(change, changed=True, parts=parts, held=held)


def _done(change: Change, base: Release, content: int, seen: tuple[Seen, ...]) -> Restoration:
    last = max((one.generation for one in seen if one.who != HERE), default=0)
    gone = (base.generation + 1, last) if last > base.generation else None
    return Restoration(change=change, base=base.generation, content=content, seen=seen, gone=gone)


def _seen(ours: Releases, head: Release, above: int, mark: Mark | None) -> Iterator[Seen]:
    """Yield everybody who is known to have seen the log, and up to where."""
    tenant, objects = ours.tenant, ours.store.objects
    yield Seen(HERE, head.generation)
    living = {beat.host for beat in alive(objects)}
    for beat in read_heartbeats(objects):
        known = beat.tenants.get(tenant)
        if known is not None:
            forked = beat.host in living and "LOG_FORKED" in (known.problem or "")
            yield Seen(f"host {beat.host}", max(known.generation, known.head), forked)
    if isinstance(ours.store.releases, _Standing) and ours.store.releases.pointer:
        yield Seen("the pointer", ours.store.releases.pointer)
    if mark is not None:
        there = _digest_of(ours, mark.generation) if mark.generation <= head.generation else None
        yield Seen("the checkpoint", mark.generation, there != mark.digest)
    if above:
        yield Seen("you", above)


def _digest_of(ours: Releases, generation: int) -> str:
    store = ours.store
    return History(store.releases, store.blobs, ours.tenant).entry(generation).digest


def _content(ours: Releases, head: Release, to: int | None) -> Release:
    """Return what is to be in force, having read, hashed and opened all of it."""
    if to is not None and not 1 <= to <= head.generation:
        raise UnknownGeneration(head.tenant, to, head.generation)
    wanted = head if to is None else _as_in(ours, head, to)
    closure = Closure(ours.store.blobs, ours.tenant)
    try:
        closure.check_whole(wanted)
    except UnfitRelease as error:
        whole = _newest_whole(ours, closure, head, below=to or head.generation)
        raise NotWhole(
            f"generation {to or head.generation} of {head.tenant} cannot be restored: {error.message}",
            next_step=f"the newest that is whole: recsys releases restore --tenant {head.tenant} --to {whole}"
            if whole
            else "nothing in this copy is whole: take another one, and copy releases before blobs",
        ) from error
    return wanted


def _as_in(ours: Releases, head: Release, generation: int) -> Release:
    """Return the newest release with the content of an older one. Withdrawn items and erased users go only forward;
    candidates of that time are over.
    """
    old = ours.read(generation)
    surfaces = {name: replace(surface, candidate=None) for name, surface in old.surfaces.items()}
    return replace(
        head,
        config=old.config,
        rules=old.rules,
        surfaces=surfaces,
        overlay=old.overlay,
        withdrawn=_newest_readable(ours, head, "withdrawn"),
        erased=_newest_readable(ours, head, "erased"),
    )


def _newest_readable(ours: Releases, head: Release, what: str) -> str | None:
    """Return the newest list of this kind that the copy still has; what was added later must be named again."""
    named: str | None = getattr(head, what)
    for generation in range(head.generation - 1, 0, -1):
        if named is None or _reads(ours, named):
            break
        named = getattr(ours.read(generation), what)
    return named


def _reads(ours: Releases, named: str) -> bool:
    try:
        ours.store.blobs.read(ours.tenant, named)
    except (Unavailable, Denied):
        raise
    except RecsysError:
        return False
    return True


def _newest_whole(ours: Releases, closure: Closure, head: Release, *, below: int) -> int | None:
    judged: set[tuple[object, ...]] = set()
    for generation in range(below - 1, 0, -1):
        try:
            candidate = _as_in(ours, head, generation)
            content = (candidate.config, candidate.rules, candidate.overlay, tuple(sorted(candidate.surfaces.items())))
            if content in judged:
                continue
            judged.add(content)
            closure.check_whole(candidate)
        except (Unavailable, Denied):
            raise
        except RecsysError:
            if len(judged) >= _LOOK_BACK:
                return None
            continue
        return generation
    return None


def _held(release: Release, ours: Releases, reason: str) -> Release:
    hold = Hold(
        surface=None,
        levers=LEVERS,
        reason="restored from a backup" + (f": {reason}" if reason else ""),
        actor=ours.actor,
        since=ours.now(),
        generation=release.generation + 1,
    )
    return replace(release, holds=(*release.holds, hold))


class _Standing(LogOver):
    """A log whose pointer may name more than is there, as in a copy: its head is the last record that stands.

    ``pointer``: what the pointer named beyond it; 0 when it did not.
    """

    def __init__(self, inner: Log) -> None:
        super().__init__(inner)
        self.pointer = 0

    def head(self, stream: str, *, at_least: int = 0) -> int:
        try:
            return self.inner.head(stream, at_least=at_least)
        except Truncated as error:
            self.pointer = max(self.pointer, error.pointer)
            return self._last(stream, at_least)

    def destroy(self, stream: str) -> None:
        raise Refused(f"a restoration never removes the log of {stream}")

    def _last(self, stream: str, low: int) -> int:
        """Return the last number that stands, by doubling and bisection."""
        step = 1
        while self._stands(stream, low + step):
            low += step
            step *= 2
        high = low + step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._stands(stream, middle) else (low, middle)
        return low

    def _stands(self, stream: str, number: int) -> bool:
        try:
            self.inner.read(stream, number)
        except Missing:
            return False
        return True
