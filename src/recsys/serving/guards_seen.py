"""Since when the guards of running candidates are silent, for metrics. The store is asked aside: it may hang."""

import threading
import time
from collections.abc import Callable, Iterable

import msgspec

from recsys.errors import RecsysError
from recsys.releases import Releases
from recsys.releases.guarded import hear_guard
from recsys.store import Denied, Store, Unavailable

__all__ = ["GuardSeen", "GuardsSeen"]

_FRESH_S = 5.0
"""What was read so lately is not read again."""
_PATIENCE_S = 1.0
"""How long whoever asks for metrics waits for the store; then they get what was read before."""


class GuardSeen(msgspec.Struct, frozen=True, kw_only=True):
    """From when on the guard of the candidate that runs on a surface is silent unless it looks again, by this process's
    monotonic clock.
    """

    tenant: str
    surface: str
    silent_at: float


class GuardsSeen:
    """Keeps what was last read. A guard that has ended is none, and so is one whose candidate has."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._seen: tuple[GuardSeen, ...] = ()
        self._read_at = -float("inf")
        self._reader: threading.Thread | None = None
        self._turn = threading.Lock()

    def of(self, tenants: Iterable[str]) -> tuple[GuardSeen, ...]:
        """Return those of these tenants, as they were read last."""
        with self._turn:
            reading = self._reader is not None and self._reader.is_alive()
            if not reading and time.monotonic() - self._read_at > _FRESH_S:
                names = tuple(tenants)
                self._reader = threading.Thread(target=self._read, args=(names,), name="guards", daemon=True)
                self._reader.start()
            reader = self._reader
        if reader is not None:
            reader.join(_PATIENCE_S)
        return self._seen

    def _read(self, tenants: tuple[str, ...]) -> None:
        try:
            store = self._store()
            found = [seen for tenant in tenants for seen in self._of_tenant(store, tenant)]
        except (RecsysError, OSError):
            return  # as before: silence that cannot be heard goes on growing
        self._seen, self._read_at = tuple(found), time.monotonic()

    def _of_tenant(self, store: Store, tenant: str) -> list[GuardSeen]:
        try:
            return list(_of_tenant(store, tenant))
        except (Unavailable, Denied):
            raise
        except RecsysError:  # a log that cannot be read is its tenant's trouble alone
            return [seen for seen in self._seen if seen.tenant == tenant]


def _of_tenant(store: Store, tenant: str) -> Iterable[GuardSeen]:
    for candidate in Releases(store, tenant, actor="metrics").candidates.running():
        heard = hear_guard(store.objects, tenant, candidate.name)
        if heard is not None and heard.on:
            yield GuardSeen(tenant=tenant, surface=candidate.surface, silent_at=time.monotonic() - heard.overdue_s)
