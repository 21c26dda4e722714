"""Health as it was read a moment ago: however many consoles are open, the logs are read once for all of them."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from recsys.operations.counted import Counted, counted
from recsys.operations.layers import TenantHealth
from recsys.operations.looking import here_of, look_at_health
from recsys.serving.ladder import Rung
from recsys.serving.office import Office

__all__ = ["WINDOW_S", "Reading", "Readings", "read"]

WINDOW_S = 24 * 3600.0
"""How far back the logs are read."""
_KEPT_S = 4.0
_KEPT_FACTOR = 10.0
"""A reading is kept for so many times as long as it took: however large the logs, a tenth of the time goes to them."""


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


class Readings:
    """The last reading of each tenant. One of each admin process."""

    def __init__(
        self,
        reading: Callable[[Office, str], Reading] = read,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._clock = reading, clock
        self._turn = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        self._kept: dict[str, tuple[Reading, float]] = {}

    def of(self, office: Office, tenant: str) -> Reading:
        """Return a tenant's reading, at most a few seconds old; who comes while it is read waits for that one."""
        with self._turn:
            turn = self._turns.setdefault(tenant, threading.Lock())
        with turn:
            kept = self._kept.get(tenant)
            began = self._clock()
            if kept is not None and began < kept[1]:
                return kept[0]
            reading = self._read(office, tenant)
            took_s = self._clock() - began
            self._kept[tenant] = reading, self._clock() + max(_KEPT_S, _KEPT_FACTOR * took_s)
            return reading
