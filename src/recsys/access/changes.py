"""Making tenants and keys, and revoking keys. Each change is one record of the access log."""

import secrets
import time
import uuid
from collections.abc import Callable
from typing import NamedTuple

from recsys.access.directory import Directory, KeyInfo, Tenant, hash_secret
from recsys.access.errors import HostsTooOld, NotRemovedYet
from recsys.access.loading import load_directory
from recsys.access.pseudonym_keys import destroy_key, write_key
from recsys.access.pseudonyms import Pseudonyms
from recsys.access.records import (
    STREAM,
    AccessRecord,
    Change,
    KeyCreated,
    KeyRevoked,
    SnapshotRef,
    TenantMade,
    format_of,
)
from recsys.access.remains import remains_of
from recsys.access.roles import check_role
from recsys.access.snapshots import EVERY, write_snapshot
from recsys.encoding import rfc3339
from recsys.errors import OutcomeUnknown
from recsys.replicas import alive
from recsys.store import CommitState, Store, check_name

__all__ = ["NewKey", "adopt_tenant", "check_name_free", "commit", "create_key", "create_tenant", "revoke_key"]


class NewKey(NamedTuple):
    """A key just made. ``secret`` is to be shown once: it is kept nowhere."""

    info: KeyInfo
    secret: str

    def __repr__(self) -> str:
        return f"NewKey({self.info!r}, secret=…)"


def create_tenant(
    store: Store,
    name: str,
    *,
    actor: str,
    reason: str = "",
    clock: Callable[[], float] = time.time,
) -> Tenant:
    """Make a tenant with a pseudonym key of its own. Doing it again returns the tenant that is there.

    The key is durable before the record that names it, so no tenant is ever there without. A try that ends between the
    two leaves a key that nothing was ever hashed with, and that nothing names.

    Raises
    ------
    NotRemovedYet, HostsTooOld
        A deleted tenant of that name is not removed entirely; a serving host could not read the record.
    OutcomeUnknown
        The store did not say whether the record was written. The key stays: the record may name it.
    """
    there = load_directory(store).tenants.get(check_name(name, what="tenant"))
    if there is not None:
        return there
    fresh = Pseudonyms(key_id=secrets.token_hex(4), secret=secrets.token_bytes(32))
    done = _make(store, name, fresh.key_id, fresh, actor=actor, reason=reason, clock=clock)
    if done.tenants[name].key_id != fresh.key_id:  # another was first, so no record names ours and none ever will
        destroy_key(store.objects, name, fresh.key_id)
    return load_directory(store, done).tenants[name]


def adopt_tenant(
    store: Store,
    name: str,
    *,
    key_id: str,
    pseudonyms: Pseudonyms | None,
    actor: str,
    reason: str = "",
    clock: Callable[[], float] = time.time,
) -> Tenant:
    """Make a tenant that comes from another store, with the key it had there; ``None`` leaves the key behind.

    Raises as :func:`create_tenant`.
    """
    check_name(name, what="tenant")
    return _make(store, name, key_id, pseudonyms, actor=actor, reason=reason, clock=clock).tenants[name]


def _make(
    store: Store,
    name: str,
    key_id: str,
    pseudonyms: Pseudonyms | None,
    *,
    actor: str,
    reason: str,
    clock: Callable[[], float],
) -> Directory:
    made = TenantMade(tenant=name, key_id=key_id)

    def unless_there(directory: Directory) -> Change | None:
        if name in directory.tenants:
            return None
        check_name_free(store, directory, name)
        _check_understood(store, made)
        if pseudonyms is not None:  # after the directory was read: a deletion since takes our number in the log
            write_key(store.objects, name, pseudonyms)
        return made

    return commit(
        store,
        unless_there,
        actor=actor,
        reason=reason,
        clock=clock,
        on_unknown=f"run it again: it says whether tenant {name} is there",
    )


def check_name_free(store: Store, directory: Directory, name: str) -> None:
    """Refuse a name that a deleted tenant left things under: the new one must never meet them.

    Raises
    ------
    NotRemovedYet
    """
    gone = directory.deleted.get(name)
    if gone is not None and not (gone.purged and remains_of(store, name, key_id=gone.key_id).nothing):
        raise NotRemovedYet(name, gone.told)


def create_key(
    store: Store,
    tenant: str,
    role: str,
    *,
    actor: str,
    reason: str = "",
    label: str = "",
    clock: Callable[[], float] = time.time,
) -> NewKey:
    """Make an API key for a tenant, and return it with its secret: ``rsk_<id>_<64 hexadecimal digits>``.

    Raises
    ------
    NotFound, Invalid
        No such tenant; no such role.
    OutcomeUnknown
        The store did not say whether the key was written. Its secret is lost with the error.
    """
    checked = check_role(role)
    key = secrets.token_hex(6)
    secret = f"rsk_{key}_{secrets.token_hex(32)}"
    change = KeyCreated(tenant=tenant, key=key, role=checked, secret_sha256=hash_secret(secret), label=label)

    def of_a_tenant(directory: Directory) -> Change:
        directory.tenant(tenant)
        return change

    done = commit(
        store,
        of_a_tenant,
        actor=actor,
        reason=reason,
        clock=clock,
        on_unknown=f"see recsys keys list --tenant {tenant}: if {key} is there, revoke it; then make another",
    )
    return NewKey(done.keys[key], secret)


def revoke_key(
    store: Store,
    tenant: str,
    key_id: str,
    *,
    actor: str,
    reason: str = "",
    clock: Callable[[], float] = time.time,
) -> KeyInfo:
    """Revoke a key for good. Doing it again changes nothing; raises :class:`~recsys.errors.NotFound`."""

    def unless_done(directory: Directory) -> Change | None:
        return None if directory.key(tenant, key_id).revoked else KeyRevoked(tenant=tenant, key=key_id)

    done = commit(
        store,
        unless_done,
        actor=actor,
        reason=reason,
        clock=clock,
        on_unknown="run it again: revoking twice is revoking once",
    )
    return done.keys[key_id]


def commit(
    store: Store,
    intend: Callable[[Directory], Change | None],
    *,
    actor: str,
    reason: str,
    clock: Callable[[], float],
    on_unknown: str,
) -> Directory:
    """Append what ``intend`` makes of the directory as it stands; ask again when another writer was first.

    Returns the directory after it, without pseudonym keys.
    """
    attempt = str(uuid.uuid4())
    directory = load_directory(store, keys=False)
    while True:
        change = intend(directory)
        if change is None:
            return directory
        _check_understood(store, change)
        record = AccessRecord(
            number=directory.number + 1,
            attempt=attempt,
            at=rfc3339(clock()),
            actor=actor,
            reason=reason,
            change=change,
            previous=directory.last,
            format=format_of(change),
            snapshot=_snapshot_for(store, directory),
        ).encode()
        store.require_sound()
        appended = store.access.append(STREAM, directory.number + 1, record)
        if appended.state is CommitState.COMMITTED:
            return directory.after([record])
        if appended.state is CommitState.UNKNOWN:
            raise OutcomeUnknown(
                f"store {store.name} did not say whether access record {appended.number} was written",
                attempt=attempt,
                next_step=on_unknown,
            )
        directory = load_directory(store, directory, keys=False)


def _snapshot_for(store: Store, directory: Directory) -> SnapshotRef | None:
    """Return the snapshot that the next record names, and store it first when it is time for a new one."""
    last = directory.snapshot
    if directory.number - (last.number if last else 0) < EVERY:
        return last
    return write_snapshot(store.objects, directory)


def _check_understood(store: Store, change: Change) -> None:
    """Refuse what a serving host that is alive could not read: it would follow neither keys nor deletions any more."""
    if format_of(change) > 1:
        behind = sorted(beat.host for beat in alive(store.objects) if beat.format < format_of(change))
        if behind:
            raise HostsTooOld("this change of tenants", behind)
