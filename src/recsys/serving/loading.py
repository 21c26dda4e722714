"""From a release in the store to files of this host that workers can open."""

import logging

from recsys.releases.record import FORMAT, Release
from recsys.serving.host_state import Kept, Places
from recsys.snapshot import SnapshotRejected, open_snapshot, prepare, write_floor
from recsys.store import Store

__all__ = ["load", "renew_floor"]

_log = logging.getLogger(__name__)


def load(store: Store, release: Release, places: Places) -> Kept:
    """Copy, verify, compile, open and write the floor of one release, aside. Raises as :func:`prepare`."""
    tenant = release.tenant
    if release.requires.format > FORMAT:
        raise SnapshotRejected(
            tenant=tenant,
            generation=release.generation,
            reason=f"it needs format {release.requires.format}, this is {FORMAT}",
        )
    path = prepare(release, blobs=store.blobs, root=places.root)
    snapshot = open_snapshot(path)
    floor = places.floor(tenant)
    floor.parent.mkdir(parents=True, exist_ok=True)
    write_floor(snapshot, floor)
    relative = str(path.relative_to(places.root))
    return Kept(generation=release.generation, path=relative, log=release.log, attempt=release.attempt)


def renew_floor(places: Places, tenant: str, kept: Kept) -> None:
    """Put under a tenant what it is served from: an operator who pins flees the newest, on the floor too."""
    try:
        write_floor(open_snapshot(places.root / kept.path), places.floor(tenant))
    except (SnapshotRejected, OSError) as error:
        _log.error("the floor of %s stays as it was: %s", tenant, error)
