"""Who listens to a long show: the terminal does; tests can too."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from recsys.progress import Advance

__all__ = ["Narrator"]


class Narrator(Protocol):
    """Says lines (rich markup) and shows stages."""

    def say(self, text: str = "") -> None:
        """Print a line for people."""

    def progress(self, stage: str, *, total: int | None = None) -> AbstractContextManager[Advance]:
        """Show one stage of long work."""

    def confirm(self, question: str) -> bool:
        """Ask once; anything but yes is no."""

    def finish(self, document: object, people: Callable[[], None]) -> None:
        """End with a result."""
