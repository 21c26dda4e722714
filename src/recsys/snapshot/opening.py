"""Map what was prepared."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from recsys.documents.config import Config
from recsys.documents.rules import Rules
from recsys.ranking.shelf import Shelf
from recsys.releases.record import Release
from recsys.snapshot.preparing import BlobSource
from recsys.store.port import Log

__all__ = ["ReleaseSource", "Snapshot", "open_release", "open_snapshot"]


class ReleaseSource(Protocol):
    """Where releases and their blobs come from; a store is one."""

    @property
    def blobs(self) -> BlobSource:
        """The blobs."""

    @property
    def releases(self) -> Log:
        """The log: one stream per tenant."""


class Snapshot:
    """One release, ready to answer. Immutable: a new release is a new snapshot."""

    tenant: str
    generation: int
    release: Release
    config: Config
    rules: Rules
    config_version: str
    rules_version: str

    def surfaces(self) -> list[str]:
        """List the surfaces that have a manifest, sorted."""
        raise NotImplementedError

    def shelf(self, surface: str, segment: str | None = None) -> Shelf | None:
        """Return what ranks for a surface and segment; without its own signals, the surface's."""
        raise NotImplementedError(surface, segment)

    def manifest_version(self, surface: str) -> str | None:
        """Return the digest of the manifest a surface serves."""
        raise NotImplementedError(surface)

    def data_until(self, surface: str) -> float | None:
        """Return the end of a surface's data window, in seconds since 1970."""
        raise NotImplementedError(surface)

    def titles(self, item_ids: Iterable[str]) -> dict[str, str]:
        """Return the titles the catalogue has for these items."""
        raise NotImplementedError(item_ids)


def open_snapshot(path: Path) -> Snapshot:
    """Map a prepared release, in milliseconds, without the store.

    Raises ``SnapshotRejected`` when a file is missing or damaged.
    """
    raise NotImplementedError(path)


def open_release(
    store: ReleaseSource,
    tenant: str,
    *,
    generation: int | None = None,
    manifest: str | None = None,
    root: Path,
) -> Snapshot:
    """Prepare (under ``root``, kept there) and open a release for offline use.

    ``generation`` defaults to the newest. ``manifest`` is the digest of a manifest to put in place of the one
    the release has for that manifest's surface: "how would it rank?".
    """
    raise NotImplementedError(store, tenant, generation, manifest, root)
