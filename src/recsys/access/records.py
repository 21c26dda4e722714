"""What the access log holds: one small delta a record, chained by digest, never rolled back."""

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
    "KeyCreated",
    "KeyRevoked",
    "TenantCreated",
    "read_record",
]

STREAM = "directory"
"""The one stream of the access log."""

FORMAT = 1
"""A reader that meets a higher one must not guess: an action it skipped could be the revoking of a key."""


class TenantCreated(msgspec.Struct, frozen=True, kw_only=True, tag="tenant-created"):
    tenant: str
    pseudonyms: Pseudonyms


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


class AccessRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One change. ``previous`` is the digest of the record before, byte for byte; ``at`` is a label."""

    number: int
    attempt: str
    at: str
    actor: str
    reason: str
    change: TenantCreated | KeyCreated | KeyRevoked
    previous: str | None
    format: int = FORMAT

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
