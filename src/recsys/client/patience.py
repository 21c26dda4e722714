"""When to try again, and how long to wait: decided here, done by a transport. No input, no output, no waiting.

A call is a generator: it yields a :class:`Try`, and is sent what became of it.
"""

import re
from collections.abc import Callable, Generator
from typing import TypeVar

import msgspec

__all__ = ["Lost", "Patience", "Reply", "Steps", "Tried", "Try", "keep_trying", "retry_after_s"]

COME_BACK = frozenset((429, 502, 503, 504))
"""Statuses that another try may change: too fast, too busy, or a proxy's word for a connection error."""
FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 1.0


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """Wait ``after_s``, then post ``body`` and wait ``timeout_s`` for the answer."""

    path: str
    body: bytes
    timeout_s: float
    after_s: float = 0.0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. ``retry_after`` is the header as it stands."""

    status: int
    body: bytes
    retry_after: str = ""


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing came back, and why."""

    why: str


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What a call has come to: the last of its tries."""

    last: Reply | Lost
    tries: int


T = TypeVar("T")
Steps = Generator[Try, Reply | Lost, T]


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how long.

    Parameters
    ----------
    timeout_s
        Of one try.
    deadline_s
        Of a call, all its tries and waits together.
    retries
        Most tries after the first.
    """

    timeout_s: float
    deadline_s: float
    retries: int


def keep_trying(
    path: str,
    body: bytes,
    patience: Patience,
    *,
    clock: Callable[[], float],
    chance: Callable[[], float],
    wall: Callable[[], float],
) -> Steps[Tried]:
    """Try until something final comes back, or the tries or the time are used up.

    Parameters
    ----------
    clock
        Seconds, from anywhere, that only grow.
    chance
        A number from 0 to 1: it spreads the tries of many clients that were sent away together.
    wall
        Seconds since 1970, for a ``Retry-After`` that is a date.
    """
    end = clock() + patience.deadline_s
    wait_s, number = 0.0, 0
    while True:
        left_s = max(end - clock() - wait_s, 0.001)
        last = yield Try(path=path, body=body, timeout_s=min(patience.timeout_s, left_s), after_s=wait_s)
        number += 1
        final = isinstance(last, Reply) and last.status not in COME_BACK
        told_s = retry_after_s(last.retry_after, now=wall()) if isinstance(last, Reply) else 0.0
        wait_s = told_s + chance() * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**number)
        if final or number > patience.retries or clock() + wait_s >= end:
            return Tried(last=last, tries=number)


def retry_after_s(header: str, *, now: float) -> float:
    """Read ``Retry-After``: seconds or an HTTP date; 0 for what is neither."""
    if re.fullmatch(r"[0-9]{1,9}", header):
        return float(header)
    if not header:
        return 0.0
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0
