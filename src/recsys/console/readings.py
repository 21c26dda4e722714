"""Health as it was read a moment ago: however many consoles are open, the logs are read once for all of them."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

from recsys.console.last_read import LastRead, Read
from recsys.operations.counted import Counted, counted
from recsys.operations.layers import TenantHealth
from recsys.operations.looking import here_of, look_at_health
from recsys.serving.host_state import read_host_state
from recsys.serving.ladder import Rung
from recsys.serving.office import Office

__all__ = ["WINDOW_S", "Reading", "Readings", "known_here", "read"]

WINDOW_S = 24 * 3600.0
"""How far back the logs are read."""


class Reading(NamedTuple):
    """One tenant as it was read. ``at_s``: when, seconds since 1970; ``away``: why the store cannot be read;
    ``counted``: by surface, what this host counted; ``rung``: the one this host answers from, where it serves.
    """

    health: TenantHealth
    away: str | None
    counted: Mapping[str, Counted]
    rung: Rung | None
    at_s: float


def read(office: Office, tenant: str) -> Reading:
    """Read it now; raises as :func:`recsys.operations.looking.look_at_health`."""
    looked, here = look_at_health(office, tenant, window_s=WINDOW_S), here_of(office, tenant)
    rung = here.rung(tenant) if tenant in here.tenants() else None
    return Reading(looked.health, looked.away, counted(office.places, tenant), rung, time.time())


def known_here(office: Office, tenant: str) -> Hashable:
    """Return what tells apart the releases that this host knows of a tenant: the newest one, and those it keeps."""
    state = read_host_state(office.places.state)
    known = state.tenants.get(tenant) if state is not None else None
    return None if known is None else (known.head, known.kept, known.rejected is None, known.pinned)


class Readings:
    """The last reading of each tenant. One of each admin process.

    A reading is of what this host knew of the tenant: once it knows of another release, as after a
    lever, there is none.
    """

    def __init__(
        self,
        reading: Callable[[Office, str], Reading] = read,
        *,
        version: Callable[[Office, str], Hashable] = known_here,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._version = reading, version
        self._last = LastRead[Reading](clock=clock)

    def of(self, office: Office, tenant: str) -> Read[Reading]:
        """Return a tenant's reading, at most half a minute old; raises as :meth:`LastRead.of` and :func:`read`."""
        return self._last.of(tenant, lambda: self._read(office, tenant), version=self._version(office, tenant))
