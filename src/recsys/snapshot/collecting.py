"""Free what no kept snapshot needs."""

from collections.abc import Iterable
from pathlib import Path

__all__ = ["collect"]


def collect(root: Path, *, keep: Iterable[Path]) -> list[Path]:
    """Remove snapshots other than ``keep``, and the copies and shelves none of those names; return what went.

    Files a process has mapped stay readable to it.
    """
    raise NotImplementedError(root, keep)
