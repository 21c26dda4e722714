"""How many requests of one tenant a worker takes: a bucket of tokens each."""

import time
from collections.abc import Callable

from recsys.serving.settings import Settings

__all__ = ["TenantRates"]


class TenantRates:
    """Buckets by tenant, of the host's limit divided by its workers.

    Workers do not ask each other: that would be a wait on every request. The kernel deals connections out among them,
    so a tenant with many connections gets the limit, and one with a single connection its share of one worker.

    Parameters
    ----------
    rate_per_s, burst
        Of one worker: how fast a bucket fills, and how much it holds; a burst of less than one request holds one.
    clock
        Seconds, never set back.
    """

    def __init__(self, *, rate_per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate_per_s, self._burst, self._clock = rate_per_s, max(1.0, burst), clock
        self._buckets: dict[str, tuple[float, float]] = {}

    @staticmethod
    def of(settings: Settings) -> "TenantRates | None":
        """Return the buckets of one of this host's workers; ``None`` where no limit is set."""
        if not settings.tenant_rate_per_s:
            return None
        rate_per_s = settings.tenant_rate_per_s
        burst = settings.tenant_burst or rate_per_s
        return TenantRates(rate_per_s=rate_per_s / settings.workers, burst=burst / settings.workers)

    def wait_s(self, tenant: str) -> float:
        """Take one request out of a tenant's bucket: 0 when it was there, else the seconds until it will be."""
        now = self._clock()
        left, at = self._buckets.get(tenant, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate_per_s)
        if left < 1.0:
            self._buckets[tenant] = (left, now)
            return (1.0 - left) / self._rate_per_s
        self._buckets[tenant] = (left - 1.0, now)
        return 0.0
