"""How long work says where it is, without knowing who listens: a terminal, a log, or nobody."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

__all__ = ["Advance", "Progress", "silent"]

Advance = Callable[[int], None]
"""Called with how many more units are done."""


class Progress(Protocol):
    """Opens one stage at a time."""

    def __call__(self, stage: str, *, total: int | None = None) -> AbstractContextManager[Advance]:
        """Show a stage by name; with ``total`` units when that is known."""


@contextmanager
def silent(stage: str, *, total: int | None = None) -> Iterator[Advance]:  # noqa: ARG001 - the port's signature
    """Tell nobody."""
    yield lambda _units: None
