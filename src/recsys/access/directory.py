"""Who there is and what they may do, as one frozen value: the fold of the access log."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from recsys.access.pseudonyms import Pseudonyms
from recsys.access.records import (
    STREAM,
    AccessBroken,
    AccessRecord,
    KeyCreated,
    KeyRevoked,
    TenantCreated,
    read_record,
)
from recsys.access.roles import Right, Role, may
from recsys.encoding import canonical, did_you_mean, digest
from recsys.errors import NotFound
from recsys.store import Store

__all__ = ["Directory", "KeyInfo", "Principal", "Tenant", "hash_secret", "load_directory"]


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant and the key its users' pseudonyms are made with."""

    name: str
    pseudonyms: Pseudonyms
    created_at: str
    created_by: str


class KeyInfo(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of an API key; of its secret only a hash is kept, elsewhere."""

    id: str
    tenant: str
    role: Role
    label: str
    created_at: str
    created_by: str
    revoked_at: str | None = None
    revoked_by: str | None = None

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
    key's id.
    """

    number: int = 0
    last: str | None = None
    tenants: Mapping[str, Tenant] = {}
    keys: Mapping[str, KeyInfo] = {}
    secrets: Mapping[str, str] = {}

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
            raise NotFound(f"there is no tenant {name[:80]!r}", next_step=self._tenants_known(name)) from None

    def keys_of(self, tenant: str) -> list[KeyInfo]:
        """List a tenant's keys by the time they were made, revoked ones too."""
        return [key for key in self.keys.values() if key.tenant == tenant]

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


def load_directory(store: Store, known: Directory | None = None) -> Directory:
    """Return the directory as the store has it now.

    Parameters
    ----------
    known
        What was loaded before: only newer records are read, and the very same value comes back when there are
        none.

    Raises
    ------
    AccessBroken
        When the log cannot be believed; Unavailable, Denied as the store.
    """
    before = known or Directory()
    head = store.access.head(STREAM, at_least=before.number)
    if head == before.number:
        return before
    return before.after(store.access.read(STREAM, number) for number in range(before.number + 1, head + 1))


def hash_secret(secret: str) -> str:
    """Return the hexadecimal SHA-256 under which a secret is known."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class _Fold:
    """A directory being read, its mappings still open."""

    def __init__(self, start: Directory) -> None:
        self._number, self._last = start.number, start.last
        self._tenants, self._keys, self._secrets = dict(start.tenants), dict(start.keys), dict(start.secrets)

    def add(self, data: bytes) -> None:
        record = read_record(data, number=self._number + 1)
        if record.previous != self._last:
            raise AccessBroken(
                f"access record {record.number} does not follow record {self._number} as it was read before",
                next_step="the access log was edited or is another one; keys work as they were last read",
            )
        match record.change:
            case TenantCreated():
                self._add_tenant(record, record.change)
            case KeyCreated():
                self._add_key(record, record.change)
            case KeyRevoked():
                self._revoke(record, record.change)
        self._number, self._last = record.number, digest(data)

    def directory(self) -> Directory:
        return Directory(
            number=self._number,
            last=self._last,
            tenants=self._tenants,
            keys=self._keys,
            secrets=self._secrets,
        )

    def _add_tenant(self, record: AccessRecord, change: TenantCreated) -> None:
        self._require(change.tenant not in self._tenants, record, f"makes tenant {change.tenant} a second time")
        self._tenants[change.tenant] = Tenant(
            name=change.tenant, pseudonyms=change.pseudonyms, created_at=record.at, created_by=record.actor
        )

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
