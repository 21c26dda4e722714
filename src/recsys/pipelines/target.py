"""What the pipelines need to know of where they publish."""

from typing import Protocol

from recsys.store import Store

__all__ = ["Target", "actor_of"]


class Target(Protocol):
    """A tenant of an open store."""

    @property
    def store(self) -> Store:
        """Where blobs, releases and access live."""

    @property
    def tenant(self) -> str:
        """The tenant's name."""


def actor_of(target: Target, actor: str | None) -> str:
    """Return who acts: as said, or as the target says."""
    return actor or str(getattr(target, "actor", "pipelines"))
