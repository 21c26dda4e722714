"""Pseudonyms: how a raw user id becomes the name everything is stored under."""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any

import msgspec

from recsys.encoding import Invalid

__all__ = ["PSEUDONYM_LENGTH", "Pseudonyms"]

PSEUDONYM_LENGTH = 32
"""Hexadecimal digits kept of the HMAC: 128 bits.

Among ten billion users two share a pseudonym with probability 1.5e-19, and half the length halves what every
event, index and exposure spends on it. The whole HMAC would add nothing: what protects a raw id is the key.
"""

_BLOCK_BYTES = 64


class Pseudonyms(msgspec.Struct, frozen=True):
    """A tenant's pseudonym key. ``key_id`` stands beside every pseudonym; ``secret`` never leaves the hosts.

    Whoever holds the secret can test guesses of raw ids against pseudonyms; destroying it makes every stored
    id unlinkable.
    """

    key_id: str
    secret: bytes

    def of(self, raw_id: str) -> str:
        """Return the pseudonym of a raw id: HMAC-SHA-256 of its UTF-8 bytes, the first 32 hexadecimal digits.

        The bytes are taken as they are: `` u1`` and ``u1`` are two users. An empty id is refused, because all
        who have none would become one user.
        """
        if not raw_id:
            raise Invalid("user id", "is empty", suggestion="leave it out where there is none")
        return hmac.digest(self.secret, raw_id.encode(), "sha256").hex()[:PSEUDONYM_LENGTH]

    def of_many(self, raw_ids: Iterable[str]) -> list[str]:
        """Return the pseudonyms of many ids, in their order."""
        return [self.of(raw_id) for raw_id in raw_ids]

    def blocks(self) -> dict[str, bytes]:
        """Return the key's two blocks of HMAC (RFC 2104), for an engine that hashes many ids by itself: a pseudonym
        begins ``sha256(outer_block + sha256(inner_block + raw_id))``. They are as secret as the key.
        """
        key = self.secret if len(self.secret) <= _BLOCK_BYTES else hashlib.sha256(self.secret).digest()
        key = key.ljust(_BLOCK_BYTES, b"\0")
        return {"inner_block": bytes(byte ^ 0x36 for byte in key), "outer_block": bytes(byte ^ 0x5C for byte in key)}

    def __repr__(self) -> str:
        return f"Pseudonyms(key_id={self.key_id!r}, secret=…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("key_id", self.key_id)]
