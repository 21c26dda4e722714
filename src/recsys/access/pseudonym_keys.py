"""Where the pseudonym keys of tenants lie: an object each under ``secrets/<tenant>/<key_id>``, for the owner alone.

Outside the log, because a log is never rewritten and a key must be able to go: without it, stored pseudonyms lead to
nobody.
"""

import msgspec

from recsys.access.pseudonyms import Pseudonyms
from recsys.access.records import TenantCreated, read_record
from recsys.encoding import canonical, digest
from recsys.errors import Failed
from recsys.store import Creation, Missing, Objects

__all__ = ["PREFIX", "destroy_key", "key_folder", "read_key", "secret_in", "write_key"]

PREFIX = "secrets/"


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """``check`` is over all the rest: a flipped bit would make every user another one."""

    tenant: str
    pseudonyms: Pseudonyms
    check: str = ""
    format: int = 1

    def sealed(self) -> "_Sealed":
        return msgspec.structs.replace(self, check=digest(canonical(msgspec.structs.replace(self, check=""))))


def key_folder(tenant: str) -> str:
    """Return the prefix of everything secret of a tenant."""
    return f"{PREFIX}{tenant}/"


def write_key(objects: Objects, tenant: str, pseudonyms: Pseudonyms) -> None:
    """Keep a fresh key; durable when it returns. Raises as the store: then no record may name the key."""
    key = f"{key_folder(tenant)}{pseudonyms.key_id}"
    data = canonical(_Sealed(tenant=tenant, pseudonyms=pseudonyms).sealed())
    if objects.create(key, data) is Creation.EXISTS:
        if objects.read(key) != data:
            raise Failed(f"another pseudonym key lies under {key}", next_step="run it again: a new name is drawn")
        objects.confirm(key)


def read_key(objects: Objects, tenant: str, key_id: str) -> Pseudonyms | None:
    """Return a key; ``None`` when it is not there, or its bytes are not whole."""
    try:
        kept = msgspec.json.decode(objects.read(f"{key_folder(tenant)}{key_id}"), type=_Sealed)
    except (Missing, msgspec.DecodeError, UnicodeDecodeError):
        return None
    right = kept == kept.sealed() and (kept.tenant, kept.pseudonyms.key_id) == (tenant, key_id)
    return kept.pseudonyms if right else None


def destroy_key(objects: Objects, tenant: str, key_id: str) -> None:
    """Remove one key for good."""
    objects.delete(f"{key_folder(tenant)}{key_id}")


def secret_in(data: bytes, *, number: int, expected: str) -> Pseudonyms | None:
    """Return the key inside a record of 0.1.0; ``None`` unless the record has the digest that was expected."""
    if digest(data) != expected:
        return None
    change = read_record(data, number=number).change
    return change.pseudonyms if isinstance(change, TenantCreated) else None
