"""What a follower finds on its host at the start, and the copies it keeps for a start without the store."""

import logging
import os
from pathlib import Path

import msgspec

from recsys.access import Directory
from recsys.errors import RecsysError
from recsys.serving.host_state import Kept, Places, TenantState, read_host_state
from recsys.snapshot import SnapshotRejected, open_snapshot

__all__ = ["directory_copy", "keep_directory", "tenants_before", "unreleased_before"]

_log = logging.getLogger(__name__)


def directory_copy(places: Places) -> Directory | None:
    """Read this host's copy, or the second one beside it when that is damaged: keys go on working with the store away.
    ``None`` when neither can be read.
    """
    for path in (places.access, _second(places)):
        try:
            return Directory.decode(path.read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, RecsysError) as error:
            _log.warning("a copy of the access directory is not used: %s", error)
    return None


def keep_directory(places: Places, directory: Directory) -> None:
    """Write both copies; durable. Whoever can authenticate nobody answers nobody, whatever else this host has."""
    for path in (_second(places), places.access):  # workers look at the latter for news
        _write_private(path, directory.encode())


def _second(places: Places) -> Path:
    return places.access.with_name(f"{places.access.name}.before")


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


def unreleased_before(places: Places) -> set[str]:
    """Read who had no release when this host last looked: with the store away they keep nobody from being ready."""
    state = read_host_state(places.state)
    return set(state.unreleased) if state is not None else set()


def _opens(places: Places, kept: Kept) -> bool:
    try:
        opened = open_snapshot(places.root / kept.path, verify=True).release
    except (SnapshotRejected, OSError) as error:
        _log.error("this host's copy of generation %d is not used: %s", kept.generation, error)
        return False
    if (opened.generation, opened.log, opened.attempt) == (kept.generation, kept.log, kept.attempt):
        return True
    _log.error(
        "this host's copy of generation %d is of generation %d: it is not used", kept.generation, opened.generation
    )
    return False


def _write_private(path: Path, data: bytes) -> None:
    """Replace a file that only we may read; durable."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
