"""What a host prepared and keeps no more."""

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from recsys.serving.host_state import TenantState
from recsys.snapshot import collect

__all__ = ["Leftovers"]

_log = logging.getLogger(__name__)


class Leftovers:
    """Removes what tenants that switched keep no more; only theirs is looked at, however many tenants there are."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._switched: set[str] = set()

    def note(self, tenant: str) -> None:
        """Remember that a tenant switched: something may have fallen out of what it keeps."""
        self._switched.add(tenant)

    def remove(self, tenants: Mapping[str, TenantState], *, ready: Callable[[str], Iterable[Path]]) -> None:
        """Remove it. The state that is written must not name it any more; ``ready`` is kept for a rollback."""
        for tenant in sorted(self._switched & tenants.keys()):
            keep = [*(self._root / kept.path for kept in tenants[tenant].kept), *ready(tenant)]
            try:
                collect(self._root, tenant=tenant, keep=keep)
            except Exception as error:  # a damaged one among the kept: then nothing goes
                _log.warning("old snapshots of %s were not removed: %s", tenant, error)
        self._switched.clear()
