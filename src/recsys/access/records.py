"""What the access log holds: one small delta a record, chained by digest, never rolled back.

No record made by this version holds a secret. Those of 0.1.0 hold the pseudonym key of the tenant they made.
"""

import msgspec

from recsys.access.pseudonyms import Pseudonyms
from recsys.access.roles import Role
from recsys.encoding import canonical
from recsys.errors import Failed

__all__ = [
    "FORMAT",
    "STREAM",
    "AccessBroken",
    "AccessRecord",
    "Change",
    "KeyCreated",
    "KeyRevoked",
    "SnapshotRef",
    "TenantCreated",
    "TenantDeleted",
    "TenantMade",
    "TenantPurged",
    "format_of",
    "read_record",
]

STREAM = "directory"
"""The one stream of the access log."""

FORMAT = 2
"""A reader that meets a higher one must not guess: an action it skipped could be the revoking of a key.

Format 1 is what 0.1.0 reads; only a record that it could not understand says 2. Hosts that read release format 2,
which is what a heartbeat tells, read this one too: both came with one version.
"""


class TenantCreated(msgspec.Struct, frozen=True, kw_only=True, tag="tenant-created"):
    """A tenant as 0.1.0 made it, its pseudonym key inside. Read, never written any more."""

    tenant: str
    pseudonyms: Pseudonyms


class TenantMade(msgspec.Struct, frozen=True, kw_only=True, tag="tenant-made"):
    """A tenant whose pseudonym key lies in an object of its own, which was durable before this record."""

    tenant: str
    key_id: str


class TenantDeleted(msgspec.Struct, frozen=True, kw_only=True, tag="tenant-deleted"):
    """The tombstone: from here on the tenant, with every key it had, is not there. What it left is being removed."""

    tenant: str


class TenantPurged(msgspec.Struct, frozen=True, kw_only=True, tag="tenant-purged"):
    """Nothing that the deleted tenant left was found any more. Only now may its name be used again."""

    tenant: str


class KeyCreated(msgspec.Struct, frozen=True, kw_only=True, tag="key-created"):
    """``secret_sha256``: hexadecimal SHA-256 of the whole secret as shown. The secret is kept nowhere."""

    tenant: str
    key: str
    role: Role
    secret_sha256: str
    label: str = ""


class KeyRevoked(msgspec.Struct, frozen=True, kw_only=True, tag="key-revoked"):
    tenant: str
    key: str


Change = TenantCreated | TenantMade | TenantDeleted | TenantPurged | KeyCreated | KeyRevoked

_AS_0_1_0 = (TenantCreated, KeyCreated, KeyRevoked)


def format_of(change: Change) -> int:
    """Return the format a reader must know for a change."""
    return 1 if isinstance(change, _AS_0_1_0) else 2


class SnapshotRef(msgspec.Struct, frozen=True, kw_only=True):
    """Where a fold may begin: the directory as of record ``number``, stored as bytes with this digest."""

    number: int
    digest: str


class AccessRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change. ``previous`` is the digest of the record before, byte for byte; ``at`` is a label.

    ``snapshot`` is the newest one that was stored before this record.
    """

    number: int
    attempt: str
    at: str
    actor: str
    reason: str
    change: Change
    previous: str | None
    format: int
    snapshot: SnapshotRef | None = None

    def encode(self) -> bytes:
        """Write the bytes that are stored and chained."""
        return canonical(self)


class AccessBroken(Failed):
    """The access log, or a host's copy of what it says, cannot be believed."""

    code = "ACCESS_BROKEN"


class _Format(msgspec.Struct, frozen=True):
    format: int


def read_record(data: bytes, *, number: int) -> AccessRecord:
    """Read one record; fields of later versions are ignored, later formats are not.

    Raises
    ------
    AccessBroken
        When it is damaged, stands under another number, or is of a later format.
    """
    try:
        format_found = msgspec.json.decode(data, type=_Format).format
        if format_found > FORMAT:
            raise AccessBroken(
                f"access record {number} has format {format_found}, and this version reads up to {FORMAT}",
                next_step="upgrade recsys-suite on this host",
            )
        record = msgspec.json.decode(data, type=AccessRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AccessBroken(f"access record {number} is damaged: {error}", next_step=_FROM_A_COPY) from None
    if record.number != number:
        raise AccessBroken(f"access record {number} says it is {record.number}", next_step=_FROM_A_COPY)
    return record


_FROM_A_COPY = "put the record back from a copy of the store; until then keys work as they were last read"
