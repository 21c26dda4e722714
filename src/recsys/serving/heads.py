"""Reading the log for a host that serves from it already: the newest release, if it goes on from what is served."""

from recsys.errors import RecsysError
from recsys.releases.errors import DamagedRecord, UnknownGeneration
from recsys.releases.history import Entry, History, broken_link
from recsys.releases.record import Release
from recsys.releases.succession import not_taken_over
from recsys.serving.host_state import Kept, TenantState
from recsys.snapshot import SnapshotRejected
from recsys.store import Denied, Store, Truncated, Unavailable

__all__ = ["Forked", "newest_of", "said_restored"]


class Forked(RecsysError):
    """The log was restored, cut back or replaced under a host that serves from it."""

    code = "LOG_FORKED"

    def __init__(self, tenant: str, what: str, *, seen: int) -> None:
        super().__init__(
            f"LOG_FORKED: the log of {tenant} {what}",
            next_step="what was served goes on. See: recsys releases verify; if the store was put back from a backup: "
            f"recsys releases restore --tenant {tenant} --above {seen}",
        )


def newest_of(store: Store, tenant: str, known: TenantState, head: int) -> Release:
    """Return release ``head``, read anew, having made sure that it continues the log this host serves from.

    A store put back from an older copy keeps the log's identity and goes on differently: the record that is served
    must be there with the same attempt, and each record after it must name the one before. The one exception is a
    restoration that declares to take up the log this host serves from, above all that this host has seen of it.

    Raises
    ------
    Forked
        It is another log.
    SnapshotRejected
        Record ``head`` itself cannot be read.
    """
    history = History(store.releases, store.blobs, tenant)  # a new one: only fresh bytes can tell
    last: Entry | None = None
    if known.kept:
        last, fork = _served(history, known.kept[0])
        if fork:
            return _restored(history, tenant, known, head, fork)
    for generation in range(last.release.generation + 1 if last else head, head + 1):
        entry = _entry(history, tenant, generation, head)
        problem = broken_link(last, entry) if last else ""
        if problem:
            fork = f"does not go on from what is served: generation {generation} {problem}"
            raise Forked(tenant, fork, seen=_seen(known))
        last = entry
    assert last is not None
    if known.log and not known.kept and last.release.log != known.log:
        fork = f"is {last.release.log}, this host served from {known.log}"
        return _restored(history, tenant, known, head, fork)
    return last.release


def said_restored(known: TenantState, loaded: Kept) -> str:
    """Say that a host went over to a restored log; empty when it is the log it served from before."""
    if known.log in (None, loaded.log):
        return ""
    return (
        f"the log was restored from a backup: generation {loaded.generation} of log {loaded.log} took the place of "
        f"generation {known.generation} of log {known.log}"
    )


def _served(history: History, served: Kept) -> tuple[Entry | None, str]:
    """Read what is served; return it, and how it is not what the log has there."""
    try:
        entry = history.entry(served.generation)
    except (UnknownGeneration, Truncated):
        return None, f"does not have generation {served.generation} any more, which is served"
    except DamagedRecord as error:
        return None, f"has no readable generation {served.generation} any more: {error}"
    if (entry.release.log, entry.release.attempt) != (served.log, served.attempt):
        return None, f"has another generation {served.generation} than the one this host serves"
    return entry, ""


def _restored(history: History, tenant: str, known: TenantState, head: int, fork: str) -> Release:
    """Return release ``head`` where a restoration is declared for this host; raise :class:`Forked` where none is."""
    log = known.kept[0].log if known.kept else known.log or ""
    why: str | None = None
    try:
        why = not_taken_over(history, log=log, seen=_seen(known), head=head)
    except (Unavailable, Denied):
        raise
    except RecsysError:
        pass  # what the log lacks on the way to its head was told already
    if why != "":
        more = f": {why}, and this host has seen generation {_seen(known)}" if why else ""
        raise Forked(tenant, fork + more, seen=_seen(known))
    return _entry(history, tenant, head, head).release


def _seen(known: TenantState) -> int:
    """Return the newest generation this host knows of, served or not: it never goes below."""
    return max(known.generation, known.head)


def _entry(history: History, tenant: str, generation: int, head: int) -> Entry:
    try:
        return history.entry(generation)
    except DamagedRecord as error:
        if generation != head:
            raise
        raise SnapshotRejected(tenant=tenant, generation=head, reason=f"its record cannot be read: {error}") from None
