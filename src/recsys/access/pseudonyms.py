"""Pseudonyms: how a raw user id becomes the name everything is stored under."""

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

    def __repr__(self) -> str:
        return f"Pseudonyms(key_id={self.key_id!r}, secret=…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("key_id", self.key_id)]
