"""Chance that can be had again: numbers drawn from a name."""

import hashlib

__all__ = ["Draws"]

_BITS = 53
"""As many as a float holds."""


class Draws:
    """Uniform numbers in [0, 1), the same ones for the same seed on every machine and in every version.

    The n-th is the first 53 bits of BLAKE2b over the purpose, the seed and n. Not a generator of a library: its stream
    may change from one version to the next, and then no answer could be computed again. Two purposes share no numbers.
    """

    __slots__ = ("_drawn", "_prefix")

    def __init__(self, purpose: str, seed: str) -> None:
        self._prefix = f"{purpose}\n{seed}\n"
        self._drawn = 0

    def next(self) -> float:
        """Draw the next number."""
        name = f"{self._prefix}{self._drawn}".encode(errors="surrogatepass")
        self._drawn += 1
        place = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") >> (64 - _BITS)
        return place / (1 << _BITS)
