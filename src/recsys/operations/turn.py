"""One at a time: whatever takes a core, the disk or much memory to answer a question that an operator asks.

Who waits holds a thread of the process that health, signing in and the levers need too. So only a few wait, and none of
them for long; everybody else is asked at once to come back.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from recsys.serving.host_state import Places
from recsys.serving.problems import Refusal
from recsys.snapshot import collect

__all__ = ["Line", "Question", "in_turn"]

Question = Literal["doctor", "preview", "try", "why"]

_MOST_WAITING = 5
"""A page asks for one or two things that wait here: two people beside the one whose question is being answered."""
_PATIENCE_S = 20.0
"""Most questions take seconds; proxies give up after 30 or 60."""
_RETRY_AFTER_S = 10


class Line:
    """Questions that are answered one at a time; ``most_waiting`` wait, each at most ``patience_s``."""

    def __init__(self, *, most_waiting: int = _MOST_WAITING, patience_s: float = _PATIENCE_S) -> None:
        self._places = threading.Semaphore(most_waiting + 1)
        self._turn = threading.Lock()
        self._patience_s = patience_s

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn, and keep it until the block ends.

        Raises
        ------
        Refusal
            503: enough wait already, or the turn did not come in time.
        """
        if not self._places.acquire(blocking=False):
            raise _busy()
        try:
            if not self._turn.acquire(timeout=self._patience_s):
                raise _busy()
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._places.release()


def _busy() -> Refusal:
    return Refusal(
        503,
        "BUSY_ANSWERING",
        "somebody else's question is being answered",
        next_step="try again in a moment",
        retry_after_s=_RETRY_AFTER_S,
    )


_preparing = Line()
"""Preparing takes a core and the disk, and collecting what others left must not meet somebody who prepares there."""


@contextmanager
def in_turn(places: Places, question: Question) -> Iterator[Path]:
    """Wait until nobody else asks, and give the directory where releases are prepared for such a question.

    What was prepared there more than ten minutes ago is removed first; what is younger is used again. Raises as
    :meth:`Line.turn`.
    """
    with _preparing.turn():
        cache = places.root / question
        collect(cache, keep=())
        yield cache
