"""Reading the log for a host that serves from it already: the newest release, if it goes on from what is served."""

from recsys.errors import RecsysError
from recsys.releases.errors import DamagedRecord, UnknownGeneration
from recsys.releases.history import Entry, History, broken_link
from recsys.releases.record import Release
from recsys.serving.host_state import TenantState
from recsys.snapshot import SnapshotRejected
from recsys.store import Store, Truncated

__all__ = ["Forked", "newest_of"]


class Forked(RecsysError):
    """The log was restored, cut back or replaced under a host that serves from it."""

    code = "LOG_FORKED"

    def __init__(self, tenant: str, what: str) -> None:
        super().__init__(
            f"LOG_FORKED: the log of {tenant} {what}",
            next_step="the store was restored or replaced; what was served goes on. See: recsys releases verify",
        )


def newest_of(store: Store, tenant: str, known: TenantState, head: int) -> Release:
    """Return release ``head``, read anew, having made sure that it continues the log this host serves from.

    A store put back from an older copy keeps the log's identity and goes on differently: the record that is served
    must be there with the same attempt, and each record after it must name the one before.

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
        served = known.kept[0]
        try:
            last = history.entry(served.generation)
        except (UnknownGeneration, Truncated):
            raise Forked(tenant, f"does not have generation {served.generation} any more, which is served") from None
        except DamagedRecord as error:
            raise Forked(tenant, f"has no readable generation {served.generation} any more: {error}") from None
        if (last.release.log, last.release.attempt) != (served.log, served.attempt):
            raise Forked(tenant, f"has another generation {served.generation} than the one this host serves")
    for generation in range(last.release.generation + 1 if last else head, head + 1):
        entry = _entry(history, tenant, generation, head)
        problem = broken_link(last, entry) if last else ""
        if problem:
            raise Forked(tenant, f"does not go on from what is served: generation {generation} {problem}")
        last = entry
    assert last is not None
    if known.log and last.release.log != known.log:
        raise Forked(tenant, f"is {last.release.log}, this host serves from {known.log}")
    return last.release


def _entry(history: History, tenant: str, generation: int, head: int) -> Entry:
    try:
        return history.entry(generation)
    except DamagedRecord as error:
        if generation != head:
            raise
        raise SnapshotRejected(tenant=tenant, generation=head, reason=f"its record cannot be read: {error}") from None
