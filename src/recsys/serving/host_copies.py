"""What a follower finds on its host at the start, and the copies it keeps for a start without the store."""

import logging
import os
from pathlib import Path

import msgspec

from recsys.access import Directory
from recsys.errors import RecsysError
from recsys.serving.host_state import Kept, Places, TenantState, read_host_state
from recsys.snapshot import SnapshotRejected, open_snapshot

__all__ = ["directory_copy", "tenants_before", "write_private"]

_log = logging.getLogger(__name__)


def directory_copy(places: Places) -> Directory:
    """Read this host's copy: keys go on working with the store away."""
    try:
        return Directory.decode(places.access.read_bytes())
    except (OSError, RecsysError):
        return Directory()


def tenants_before(places: Places, *, run: str, boot: str) -> dict[str, TenantState]:
    """Read what this host served before; what does not open any more is left out, to be fetched again."""
    state = read_host_state(places.state)
    if state is None:
        return {}
    same = state.run == run and state.boot == boot
    tenants = {}
    for tenant, known in state.tenants.items():
        kept = tuple(one for one in known.kept if _opens(places, one))
        tenants[tenant] = msgspec.structs.replace(
            known, kept=kept, confirmed_at=known.confirmed_at if same else None, rejected=None
        )
    return tenants


def _opens(places: Places, kept: Kept) -> bool:
    try:
        open_snapshot(places.root / kept.path, verify=True)
    except (SnapshotRejected, OSError) as error:
        _log.error("this host's copy of generation %d is not used: %s", kept.generation, error)
        return False
    return True


def write_private(path: Path, data: bytes) -> None:
    """Replace a file that only we may read; durable."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
