"""What the ranking reads: one surface and segment of one release, ready to rank and never changing."""

from typing import Protocol

__all__ = ["Shelf"]


class Shelf(Protocol):
    """Everything an answer depends on besides the request and the moment.

    Items are numbered 0..n-1 in the order of their ids' UTF-8 bytes, so a smaller number is a smaller id.
    """

    @property
    def size(self) -> int:
        """How many items there are."""

    def find(self, item_id: str) -> int | None:
        """Return the number of an item; ``None`` when it is not here."""

    def id_of(self, item: int) -> str:
        """Return the id of an item."""
