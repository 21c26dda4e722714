"""Tenants that are gone: a host lets go of all it has of them, and never mixes two of one name."""

import logging
import shutil
from collections.abc import Callable, Collection, Mapping

from recsys.access import Directory
from recsys.serving.host_copies import keep_directory
from recsys.serving.host_state import Places, TenantState

__all__ = ["departed", "forget", "take_over"]

_log = logging.getLogger(__name__)

_FOLDERS = ("snapshots", "shelves", "copies", "spool/ready", "spool/shipped")
"""Where a folder is a tenant's. Event files still being written are not taken from under their writer."""
_FILES = ("floors", "withdrawn", "erased", "pins")
"""Where files are a tenant's, by their name up to the first dot."""


def take_over(
    places: Places,
    before: Directory,
    directory: Directory,
    *,
    tenants: Mapping[str, TenantState],
    loading: Collection[str],
    let_go: Callable[[frozenset[str]], None],
) -> Directory:
    """Give the workers a new directory, and let go of tenants that are gone; return what holds from now on.

    A tenant that was made again is let go first: no worker may know the new one while anything of the old is here. One
    that is only gone is let go afterwards, so that its keys are refused at once. While something of it is being loaded,
    it is left for the next call: what a load writes must be there to be removed. What this host's disk refuses is said,
    and tried again at the next call.

    Parameters
    ----------
    let_go
        Forgets these tenants, their files and what is known of them; raises ``OSError``.
    """
    leaving = departed(places, directory, tenants)
    again = leaving & directory.tenants.keys()
    if not again.isdisjoint(loading):
        return before
    holds = before
    try:
        let_go(again)
        if directory is not before or not places.access.exists():
            keep_directory(places, directory)
        holds = directory
        let_go(leaving - again - frozenset(loading))
    except OSError as error:
        _log.error("tenants and keys were not taken over entirely: %s", error)
    return holds


def departed(places: Places, directory: Directory, tenants: Mapping[str, TenantState]) -> frozenset[str]:
    """Return the names of which this host has something of a tenant that is gone, or was made again since."""
    now = directory.tenants
    again = {name for name, known in tenants.items() if name in now and 0 != known.made != now[name].made}
    if not directory.deleted:
        return frozenset(again)
    here = set(tenants)
    for folder in (*_FOLDERS, *_FILES):
        try:
            here.update(path.name.partition(".")[0] for path in (places.root / folder).iterdir())
        except OSError:
            continue
    return frozenset(again | (here & directory.deleted.keys()))


def forget(places: Places, tenant: str) -> None:
    """Remove all that this host has of a tenant; raises ``OSError`` when some of it stays. Safe to repeat."""
    for folder in _FILES:
        for path in (places.root / folder).glob(f"{tenant}.*"):
            path.unlink(missing_ok=True)
    for folder in _FOLDERS:
        path = places.root / folder / tenant
        if path.exists():
            shutil.rmtree(path)
