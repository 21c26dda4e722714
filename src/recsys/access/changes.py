"""Making tenants and keys, and revoking keys. Each change is one record of the access log."""

import secrets
import time
import uuid
from collections.abc import Callable
from typing import NamedTuple

from recsys.access.directory import Directory, KeyInfo, Tenant, hash_secret, load_directory
from recsys.access.pseudonyms import Pseudonyms
from recsys.access.records import STREAM, AccessRecord, KeyCreated, KeyRevoked, TenantCreated
from recsys.access.roles import check_role
from recsys.encoding import did_you_mean, rfc3339
from recsys.errors import NotFound, OutcomeUnknown
from recsys.store import CommitState, Store, check_name

__all__ = ["NewKey", "create_key", "create_tenant", "revoke_key"]

_Change = TenantCreated | KeyCreated | KeyRevoked


class NewKey(NamedTuple):
    """A key just made. ``secret`` is to be shown once: it is kept nowhere."""

    info: KeyInfo
    secret: str

    def __repr__(self) -> str:
        return f"NewKey({self.info!r}, secret=…)"


def create_tenant(
    store: Store, name: str, *, actor: str, reason: str = "", clock: Callable[[], float] = time.time
) -> Tenant:
    """Make a tenant with a pseudonym key of its own. Doing it again returns the tenant that is there."""
    check_name(name, what="tenant")
    pseudonyms = Pseudonyms(key_id=secrets.token_hex(4), secret=secrets.token_bytes(32))

    def unless_there(directory: Directory) -> _Change | None:
        return None if name in directory.tenants else TenantCreated(tenant=name, pseudonyms=pseudonyms)

    done = _commit(
        store,
        unless_there,
        actor=actor,
        reason=reason,
        clock=clock,
        on_unknown=f"run it again: it says whether tenant {name} is there",
    )
    return done.tenants[name]


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

    def of_a_tenant(directory: Directory) -> _Change:
        directory.tenant(tenant)
        return change

    done = _commit(
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

    def unless_done(directory: Directory) -> _Change | None:
        directory.tenant(tenant)
        key = directory.keys.get(key_id)
        if key is None or key.tenant != tenant:
            known = did_you_mean(key_id, (k.id for k in directory.keys_of(tenant))) or "the tenant has no keys"
            raise NotFound(f"tenant {tenant} has no key {key_id[:80]!r}", next_step=known)
        return None if key.revoked else KeyRevoked(tenant=tenant, key=key_id)

    done = _commit(
        store,
        unless_done,
        actor=actor,
        reason=reason,
        clock=clock,
        on_unknown="run it again: revoking twice is revoking once",
    )
    return done.keys[key_id]


def _commit(
    store: Store,
    intend: Callable[[Directory], _Change | None],
    *,
    actor: str,
    reason: str,
    clock: Callable[[], float],
    on_unknown: str,
) -> Directory:
    """Append what ``intend`` makes of the directory as it stands; ask again when another writer was first."""
    attempt = str(uuid.uuid4())
    directory = load_directory(store)
    while True:
        change = intend(directory)
        if change is None:
            return directory
        record = AccessRecord(
            number=directory.number + 1,
            attempt=attempt,
            at=rfc3339(clock()),
            actor=actor,
            reason=reason,
            change=change,
            previous=directory.last,
        ).encode()
        commit = store.access.append(STREAM, directory.number + 1, record)
        if commit.state is CommitState.COMMITTED:
            return directory.after([record])
        if commit.state is CommitState.UNKNOWN:
            raise OutcomeUnknown(
                f"store {store.name} did not say whether access record {commit.number} was written",
                attempt=attempt,
                next_step=on_unknown,
            )
        directory = load_directory(store, directory)
