"""Request ids: UUIDv7 (RFC 9562), so that they sort by time and say nothing else."""

import os
import time

__all__ = ["RequestIds"]

_BLOCK = 4096
_EACH = 10


class RequestIds:
    """Makes UUIDv7 strings; one per process. Draws its random bits in blocks, a system call per 400 ids."""

    __slots__ = ("_at", "_bits")

    def __init__(self) -> None:
        self._bits = ""
        self._at = 0

    def next(self) -> str:
        """Return a new id, by the wall clock's millisecond and 74 random bits."""
        at = self._at
        if at >= len(self._bits):
            self._bits, at = os.urandom(_BLOCK // _EACH * _EACH).hex(), 0
        self._at = at + 2 * _EACH
        bits = self._bits
        moment = f"{time.time_ns() // 1_000_000:012x}"
        variant = "89ab"[int(bits[at + 3], 16) & 3]
        tail = f"{variant}{bits[at + 4 : at + 7]}-{bits[at + 8 : at + 20]}"
        return f"{moment[:8]}-{moment[8:]}-7{bits[at : at + 3]}-{tail}"
