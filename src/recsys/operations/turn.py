"""One at a time: whatever prepares releases to answer a question that an operator asks of this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from recsys.serving.host_state import Places
from recsys.snapshot import collect

__all__ = ["Question", "in_turn"]

Question = Literal["doctor", "preview", "try", "why"]

_turn = threading.Lock()
"""Preparing takes a core and the disk, and collecting what others left must not meet somebody who prepares there."""


@contextmanager
def in_turn(places: Places, question: Question) -> Iterator[Path]:
    """Wait until nobody else asks, and give the directory where releases are prepared for such a question.

    What was prepared there more than ten minutes ago is removed first; what is younger is used again.
    """
    with _turn:
        cache = places.root / question
        collect(cache, keep=())
        yield cache
