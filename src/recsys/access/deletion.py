"""Deleting a tenant: the tombstone, then everything it had, then the word that nothing is left.

The pseudonym key goes first of all that is removed. Whatever else is still there after a crash then leads to nobody;
and nothing in the rest of the work needs the key, so the same command finishes it from anywhere.
"""

import time
from collections.abc import Callable, Iterable

import msgspec

from recsys.access.changes import commit
from recsys.access.directory import Deletion, Directory
from recsys.access.errors import MadeAgain
from recsys.access.loading import load_directory
from recsys.access.pseudonym_keys import destroy_key, key_folder
from recsys.access.records import Change, TenantDeleted, TenantPurged
from recsys.access.remains import PERSONAL, REST, Remains, keys_below, releases_of, remains_of
from recsys.errors import Failed
from recsys.progress import Advance
from recsys.store import Store, alone

__all__ = ["DeletedTenant", "delete_tenant", "plan_deletion"]

_BETWEEN_LOOKS = 100
"""Objects removed between two looks at the directory, in case the tenant was purged and made again by others: a
deletion that was asleep meanwhile must not reach into the new tenant.
"""
_ROUNDS = 100
"""Each round more is a publisher that was faster than the look before its commit; so many are something else."""


class DeletedTenant(msgspec.Struct, frozen=True, kw_only=True):
    """What a deletion removed, or would.

    ``keys`` of the tenant no longer open anything. ``key_in_log``: the pseudonym key stands in this record of the
    access log, which 0.1.0 wrote and nobody can rewrite; ``None`` when it is gone.
    """

    tenant: str
    removed: Remains
    keys: int
    key_in_log: int | None
    changed: bool
    dry_run: bool = False


def plan_deletion(store: Store, name: str) -> DeletedTenant:
    """Count what :func:`delete_tenant` would remove. Writes nothing; raises ``NotFound``."""
    directory = load_directory(store, keys=False)
    tenant, gone = directory.tenants.get(name), directory.deleted.get(name)
    if gone is None:
        tenant = directory.tenant(name)
    inside = tenant.made if tenant is not None and tenant.inside else gone.made if gone and gone.inside else None
    remains = remains_of(store, name)
    return DeletedTenant(
        tenant=name,
        removed=remains,
        keys=sum(1 for key in directory.keys_of(name) if not key.revoked),
        key_in_log=inside,
        changed=tenant is not None or not remains.nothing or not (gone and gone.purged),
        dry_run=True,
    )


def delete_tenant(
    store: Store,
    name: str,
    *,
    actor: str,
    reason: str = "",
    clock: Callable[[], float] = time.time,
    advance: Advance = lambda _units: None,
) -> DeletedTenant:
    """Delete a tenant and all it has. It cannot be undone; the same call finishes one that was cut short.

    In this order: the tombstone in the access log, from which on nothing is published or served for it and none of its
    keys opens anything; the pseudonym key; events, releases, blobs, reports of runs; and again, until nothing is found,
    because a publisher may have looked at the log just before the tombstone; then a record that the name is free.

    Parameters
    ----------
    advance
        Told after each object removed.

    Raises
    ------
    NotFound
        There is no such tenant, and none was deleted.
    Busy
        Another deletion, or a collection of garbage, is at it. The tombstone stands; run it again.
    MadeAgain
        Another made a new tenant of that name meanwhile; it is left alone.
    HostsTooOld
        A serving host that is alive would not understand the tombstone, and go on serving.
    OutcomeUnknown
        The store did not say whether the tombstone was written. Nothing was removed.
    """
    planned = plan_deletion(store, name)
    if not planned.changed:
        return msgspec.structs.replace(planned, dry_run=False)
    directory = load_directory(store, keys=False)
    meant = _made(directory, name)

    def bury(directory: Directory) -> Change | None:
        if _made(directory, name) != meant:
            raise MadeAgain(name)
        gone = directory.deleted.get(name)
        return TenantDeleted(tenant=name) if gone is None or gone.purged else None

    def purged(directory: Directory) -> Change | None:
        gone = _still_gone(directory, name, meant)
        return None if gone.purged else TenantPurged(tenant=name)

    again = f"run it again: it goes on where this ended: recsys tenants delete {name}"
    directory = commit(store, bury, actor=actor, reason=reason, clock=clock, on_unknown=again)
    destroy_key(store.objects, name, _still_gone(directory, name, meant).key_id)
    with alone(store.objects, f"blobs/{name}/") as mine:  # a collection's too: neither removes under the other

        def look() -> None:
            nonlocal directory
            mine.still()
            directory = load_directory(store, directory, keys=False)
            _still_gone(directory, name, meant)

        for _ in range(_ROUNDS):
            if _remove_all(store, name, look, advance) == 0:
                break
        else:
            raise Failed(f"tenant {name} is deleted, and something goes on writing for it", next_step=again)
        commit(store, purged, actor=actor, reason=reason, clock=clock, on_unknown=again)
    return msgspec.structs.replace(planned, dry_run=False)


def _remove_all(store: Store, name: str, look: Callable[[], None], advance: Advance) -> int:
    """Remove what is there now; return how much that was. ``look`` refuses when it must not go on."""

    def remove(keys: Iterable[str]) -> int:
        listed = list(keys)
        for place, key in enumerate(listed):
            if place % _BETWEEN_LOOKS == 0:
                look()
            store.objects.delete(key)
            advance(1)
        return len(listed)

    removed = remove(store.objects.keys(key_folder(name)))
    removed += remove(keys_below(store, PERSONAL, name))
    releases = releases_of(store, name)
    if releases:
        look()
        store.releases.destroy(name)
        advance(releases)
    removed += releases + remove(keys_below(store, "releases", name))  # what stood beside the log, after a gap
    return removed + sum(remove(keys_below(store, folder, name)) for folder in REST)


def _made(directory: Directory, name: str) -> int:
    """Return the number of the record that made the tenant, deleted or not; raises ``NotFound``."""
    gone = directory.deleted.get(name)
    return gone.made if gone is not None else directory.tenant(name).made


def _still_gone(directory: Directory, name: str, meant: int) -> Deletion:
    gone = directory.deleted.get(name)
    if gone is None or gone.made != meant:
        raise MadeAgain(name)
    return gone
