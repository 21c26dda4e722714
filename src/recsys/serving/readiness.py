"""Whether a host can return items for the tenants it serves: what ``/readyz`` says, whichever worker is asked."""

from collections.abc import Callable, Iterable

from recsys.serving.hosted import Hosted

__all__ = ["Readiness"]


class Readiness:
    """What keeps a worker from being ready.

    It is asked of a start. A worker that was ready stays so: a tenant made since then is waited for by its own clients,
    and takes no host away from the clients of all others.

    Parameters
    ----------
    behind
        Names the workers of this host that run and are not ready: the next request may be theirs.
    """

    def __init__(self, hosted: Hosted, *, behind: Callable[[], Iterable[str]] = tuple) -> None:
        self._hosted = hosted
        self._behind = behind
        self._was_ready = False

    def missing(self) -> list[str]:
        """Return the reasons, one a tenant or worker; none when this worker is ready, and so are the others."""
        if self._was_ready:
            return []
        missing = self._missing() or [f"{worker} is not ready yet" for worker in self._behind()]
        self._was_ready = not missing
        return missing

    def _missing(self) -> list[str]:
        hosted = self._hosted
        if not hosted.loaded:
            return ["no release has been seen yet"]
        if hosted.directory.number == 0:
            return ["tenants and keys have not been read yet"]
        found = ((tenant, self._of(tenant)) for tenant in sorted(hosted.directory.tenants))
        return [f"tenant {tenant} {why}" for tenant, why in found if why]

    def _of(self, tenant: str) -> str:
        """Say why a tenant cannot be answered for; empty where it can, or where it never had a release."""
        view = self._hosted.view(tenant)
        if view is not None and (view.snapshot is not None or view.floor is not None):
            return ""
        if view is not None:
            return "cannot be answered for"
        return "" if tenant in self._hosted.unreleased else "has not been looked at yet"
