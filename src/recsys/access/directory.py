"""Who there is and what they may do, as one frozen value: the fold of the access log."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from recsys.access.errors import KeyMissing
from recsys.access.pseudonyms import Pseudonyms
from recsys.access.records import (
    AccessBroken,
    AccessRecord,
    KeyCreated,
    KeyRevoked,
    SnapshotRef,
    TenantCreated,
    TenantDeleted,
    TenantMade,
    TenantPurged,
    read_record,
)
from recsys.access.roles import Right, Role, may
from recsys.encoding import canonical, did_you_mean, digest
from recsys.errors import NotFound

__all__ = ["Deletion", "Directory", "KeyInfo", "Principal", "Tenant", "hash_secret"]


class Tenant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tenant and the key its users' pseudonyms are made with.

    ``made`` is the number of the access record that made it, which no other tenant has, also not one of the same name;
    0 in a host's copy written by 0.1.0. ``held`` is the pseudonym key where it was read. ``inside`` is the digest of
    record ``made`` where that record, of 0.1.0, holds the key itself.
    """

    name: str
    created_at: str
    created_by: str
    key_id: str = ""
    made: int = 0
    inside: str | None = None
    held: Pseudonyms | None = msgspec.field(name="pseudonyms", default=None)

    @property
    def pseudonyms(self) -> Pseudonyms:
        """Return the key; raises :class:`~recsys.access.KeyMissing` where it could not be read."""
        if self.held is None:
            raise KeyMissing(self.name, self.key_id)
        return self.held


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant that is gone, by the record ``number`` that deleted it. ``made`` and ``key_id`` were the tenant's.

    ``inside``: its pseudonym key stands in access record ``made``, written by 0.1.0, and stays there. ``purged``:
    nothing of it was found any more.
    """

    name: str
    number: int
    at: str
    by: str
    reason: str
    made: int
    key_id: str
    inside: bool = False
    purged: bool = False

    @property
    def told(self) -> str:
        """Say it in one breath: ``deleted by … at …: why``."""
        return f"deleted by {self.by} at {self.at}" + (f" ({self.reason})" if self.reason else "")


class KeyInfo(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of an API key; of its secret only a hash is kept, elsewhere. ``made``: by which record."""

    id: str
    tenant: str
    role: Role
    label: str
    created_at: str
    created_by: str
    revoked_at: str | None = None
    revoked_by: str | None = None
    made: int = 0

    @property
    def revoked(self) -> bool:
        return self.revoked_at is not None


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking, once known."""

    tenant: str
    role: Role
    key_id: str

    def may(self, right: Right) -> bool:
        """Tell whether this one has a right."""
        return may(self.role, right)


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """The access log folded up to record ``number``, whose bytes have digest ``last``.

    ``tenants`` by name; ``keys`` by id, revoked ones too; ``secrets`` maps the SHA-256 of a secret to its
    key's id; ``deleted`` holds the tenants that are gone, by names not used again. ``snapshot`` is the newest that a
    record named.
    """

    number: int = 0
    last: str | None = None
    tenants: Mapping[str, Tenant] = {}
    keys: Mapping[str, KeyInfo] = {}
    secrets: Mapping[str, str] = {}
    deleted: Mapping[str, Deletion] = {}
    snapshot: SnapshotRef | None = None

    def authenticate(self, secret: str) -> Principal | None:
        """Return who holds a secret; ``None`` when nobody does, or the key is revoked.

        The secret is looked up by its SHA-256: what time a look-up takes tells about hashes, and nothing
        about secrets.
        """
        hashed = hash_secret(secret)
        key = self.keys.get(self.secrets.get(hashed, ""))
        if key is None or key.revoked:
            return None
        return Principal(tenant=key.tenant, role=key.role, key_id=key.id)

    def tenant(self, name: str) -> Tenant:
        """Return a tenant; raises :class:`~recsys.errors.NotFound` with the nearest name."""
        try:
            return self.tenants[name]
        except KeyError:
            gone = self.deleted.get(name)
            told = f"; it was {gone.told}" if gone else ""
            raise NotFound(f"there is no tenant {name[:80]!r}{told}", next_step=self._tenants_known(name)) from None

    def key(self, tenant: str, key_id: str) -> KeyInfo:
        """Return a tenant's key; raises :class:`~recsys.errors.NotFound` with the nearest one."""
        self.tenant(tenant)
        key = self.keys.get(key_id)
        if key is None or key.tenant != tenant:
            known = did_you_mean(key_id, (k.id for k in self.keys_of(tenant))) or "the tenant has no keys"
            raise NotFound(f"tenant {tenant} has no key {key_id[:80]!r}", next_step=known)
        return key

    def keys_of(self, tenant: str) -> list[KeyInfo]:
        """List a tenant's keys by the time they were made, revoked ones too."""
        return sorted((key for key in self.keys.values() if key.tenant == tenant), key=lambda key: key.made)

    def holding(self, held: Mapping[str, Pseudonyms | None]) -> "Directory":
        """Return the directory with these pseudonym keys in place of what it holds of those tenants."""
        changed = {name: msgspec.structs.replace(self.tenants[name], held=key) for name, key in held.items()}
        return msgspec.structs.replace(self, tenants={**self.tenants, **changed})

    def without_secrets(self) -> "Directory":
        """Return the directory as a snapshot holds it."""
        return self.holding(dict.fromkeys(self.tenants))

    def without(self, names: Iterable[str]) -> "Directory":
        """Return the directory with these tenants and their keys left out, at the same record."""
        fold = _Fold(self)
        for name in names:
            fold.drop(name)
        return fold.directory()

    def after(self, records: Iterable[bytes]) -> "Directory":
        """Fold further records in; each must chain to the one before.

        Raises
        ------
        AccessBroken
            At a record that is damaged, of a later format, or does not follow: the log was edited, or another
            one.
        """
        fold = _Fold(self)
        for data in records:
            fold.add(data)
        return fold.directory()

    def encode(self) -> bytes:
        """Write a host's own copy. It holds pseudonym secrets: the file must be mode 0600."""
        body = canonical(self)
        return digest(body).encode() + b"\n" + body

    @staticmethod
    def decode(data: bytes) -> "Directory":
        """Read a host's own copy; raises :class:`AccessBroken` unless it is whole."""
        check, _, body = data.partition(b"\n")
        if not hmac.compare_digest(check, digest(body).encode()):
            raise AccessBroken("this host's copy of the access directory is damaged", next_step=_FETCH_AGAIN)
        try:
            return msgspec.json.decode(body, type=Directory)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AccessBroken(
                f"this host's copy of the access directory is of another version: {error}",
                next_step=_FETCH_AGAIN,
            ) from None

    def __repr__(self) -> str:
        return f"Directory(number={self.number}, tenants={len(self.tenants)}, keys={len(self.keys)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("number", self.number), ("tenants", len(self.tenants)), ("keys", len(self.keys))]

    def _tenants_known(self, name: str) -> str:
        return did_you_mean(name, self.tenants) or f"make it with: recsys tenants create {name[:80]}"


def hash_secret(secret: str) -> str:
    """Return the hexadecimal SHA-256 under which a secret is known."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class _Fold:
    """A directory being read, its mappings still open."""

    def __init__(self, start: Directory) -> None:
        self._number, self._last = start.number, start.last
        self._tenants, self._keys, self._secrets = dict(start.tenants), dict(start.keys), dict(start.secrets)
        self._deleted, self._snapshot = dict(start.deleted), start.snapshot

    def add(self, data: bytes) -> None:
        record = read_record(data, number=self._number + 1)
        if record.previous != self._last:
            raise AccessBroken(
                f"access record {record.number} does not follow record {self._number} as it was read before",
                next_step="the access log was edited or is another one; keys work as they were last read",
            )
        match record.change:
            case TenantCreated(pseudonyms=key):
                self._add_tenant(record, key.key_id, held=key, inside=digest(data))
            case TenantMade(key_id=key_id):
                self._add_tenant(record, key_id)
            case TenantDeleted():
                self._bury(record)
            case TenantPurged():
                self._purged(record)
            case KeyCreated():
                self._add_key(record, record.change)
            case KeyRevoked():
                self._revoke(record, record.change)
        self._number, self._last = record.number, digest(data)
        self._snapshot = record.snapshot or self._snapshot

    def drop(self, name: str) -> None:
        """Leave a tenant and all keys it had out."""
        self._tenants.pop(name, None)
        self._keys = {key: info for key, info in self._keys.items() if info.tenant != name}
        self._secrets = {hashed: key for hashed, key in self._secrets.items() if key in self._keys}

    def directory(self) -> Directory:
        return Directory(
            number=self._number,
            last=self._last,
            tenants=self._tenants,
            keys=self._keys,
            secrets=self._secrets,
            deleted=self._deleted,
            snapshot=self._snapshot,
        )

    def _add_tenant(
        self, record: AccessRecord, key_id: str, *, held: Pseudonyms | None = None, inside: str | None = None
    ) -> None:
        name = record.change.tenant
        self._require(name not in self._tenants, record, f"makes tenant {name} a second time")
        before = self._deleted.pop(name, None)
        self._require(before is None or before.purged, record, f"makes tenant {name}, which is still being removed")
        self._tenants[name] = Tenant(
            name=name,
            created_at=record.at,
            created_by=record.actor,
            key_id=key_id,
            made=record.number,
            inside=inside,
            held=held,
        )

    def _bury(self, record: AccessRecord) -> None:
        """Take a tenant out, with its keys. One that is gone already is gone again: what was left of it is removed."""
        name = record.change.tenant
        tenant, before = self._tenants.get(name), self._deleted.get(name)
        self._require(tenant is not None or before is not None, record, f"deletes tenant {name}, which is not there")
        if tenant is not None:
            before = Deletion(
                name=name,
                number=record.number,
                at=record.at,
                by=record.actor,
                reason=record.reason,
                made=tenant.made,
                key_id=tenant.key_id,
                inside=tenant.inside is not None,
            )
        assert before is not None
        self._deleted[name] = msgspec.structs.replace(before, number=record.number, purged=False)
        self.drop(name)

    def _purged(self, record: AccessRecord) -> None:
        name = record.change.tenant
        if name not in self._deleted:
            raise self._broken(record, f"says that tenant {name} was removed, which was not deleted")
        self._deleted[name] = msgspec.structs.replace(self._deleted[name], purged=True)

    def _add_key(self, record: AccessRecord, change: KeyCreated) -> None:
        self._require(change.tenant in self._tenants, record, "makes a key for a tenant that is not there")
        self._require(change.key not in self._keys, record, f"makes key {change.key} a second time")
        self._keys[change.key] = KeyInfo(
            id=change.key,
            tenant=change.tenant,
            role=change.role,
            label=change.label,
            created_at=record.at,
            created_by=record.actor,
            made=record.number,
        )
        self._secrets[change.secret_sha256] = change.key

    def _revoke(self, record: AccessRecord, change: KeyRevoked) -> None:
        key = self._keys.get(change.key)
        if key is None or key.tenant != change.tenant:
            raise self._broken(record, f"revokes key {change.key}, which is not there")
        self._keys[change.key] = msgspec.structs.replace(key, revoked_at=record.at, revoked_by=record.actor)

    def _require(self, condition: bool, record: AccessRecord, otherwise: str) -> None:
        if not condition:
            raise self._broken(record, otherwise)

    @staticmethod
    def _broken(record: AccessRecord, problem: str) -> AccessBroken:
        return AccessBroken(
            f"access record {record.number} {problem}",
            next_step="the access log was edited; keys work as they were last read",
        )


_FETCH_AGAIN = "it is fetched again from the store"
