"""Hearing out a request that is refused unread: a client still sending it would find a broken connection in place of
our answer.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

from recsys.serving.credentials import Headers
from recsys.serving.problems import Refusal

__all__ = ["LET_PASS", "Hearing", "let_pass"]

LET_PASS = 8
"""Of a body that is too large, so many times the limit pass unread."""

_PAUSE_S = 0.5
"""Longest we wait for more of such a body."""

_LONGEST_S = 0.1
_MOST_BYTES = 1 << 16
"""Nobody has asked for its key yet: so the default bound of requests holds 64 MB of such bodies at most."""
_TIMES = 4


class Hearing:
    """Takes in bodies that nobody reads, within bounds of time, size and number.

    Parameters
    ----------
    max_in_flight
        So many requests are answered at once; four times as many are heard out.
    """

    def __init__(self, *, max_in_flight: int) -> None:
        self._most = _TIMES * max_in_flight
        self._now = 0

    async def out(self, header: Headers, read_body: Callable[[], Awaitable[bytes]]) -> None:
        """Return when the body is here, or when it is too long, too slow, or one too many."""
        length = header("content-length") or ""
        if not length.isdigit() or int(length) > _MOST_BYTES or self._now >= self._most:
            return
        self._now += 1
        try:
            async with asyncio.timeout(_LONGEST_S):
                await read_body()
        except (TimeoutError, Refusal):
            pass
        finally:
            self._now -= 1


async def let_pass(coming: AsyncGenerator[bytes], most: int) -> None:
    """Take what comes of a body that is too large, ``most`` bytes of it, and throw it away. Of callers who were refused
    while they still sent one, one in a hundred saw no answer.
    """
    with suppress(TimeoutError):
        while most > 0:
            async with asyncio.timeout(_PAUSE_S):
                part = await anext(coming, None)
            if part is None:
                return
            most -= len(part)
