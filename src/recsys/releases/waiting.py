"""Wait until every live serving host serves a generation, as their heartbeats say.

Heartbeats are advisory: a host that cannot reach the store says nothing of itself, and after a minute it does not count
as live any more.
"""

import time
from collections.abc import Callable, Mapping

import msgspec

from recsys.errors import RecsysError
from recsys.progress import Progress, silent
from recsys.replicas import Replica, heard
from recsys.store import Objects

__all__ = ["Waited", "wait_for_hosts", "who_serves"]

_LOOK_S = 0.25
"""Between two looks: a host that switched beats at once, and somebody waits for this command."""


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. ``serving``: hosts that serve the generation or a newer one; ``pinned``: those an operator keeps
    at another, and at which; ``behind``: those that do not serve it, and why. Names of hosts, sorted. ``problem``: why
    the store could not be asked.
    """

    generation: int
    serving: tuple[str, ...] = ()
    pinned: Mapping[str, int] = {}
    behind: Mapping[str, str] = {}
    problem: str = ""

    @property
    def everywhere(self) -> bool:
        """Whether every live host serves it that is not pinned elsewhere."""
        return not (self.behind or self.problem)

    def told(self) -> str:
        """Say it in one line."""
        if self.problem:
            return f"generation {self.generation} stands, and who serves it is not known: {self.problem}"
        hosts = len(self.serving) + len(self.behind) + len(self.pinned)
        said = f"generation {self.generation} is served by {len(self.serving)} of {hosts} live hosts"
        said = (
            said
            if hosts
            else f"no serving host is alive: generation {self.generation} is what they find when they start"
        )
        for host, at in self.pinned.items():
            said += f"; {host} is pinned to generation {at}"
        for host, why in self.behind.items():
            said += f"; {host}: {why}"
        return said


def wait_for_hosts(
    objects: Objects,
    tenant: str,
    generation: int,
    *,
    timeout_s: float,
    progress: Progress = silent,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Waited:
    """Return as soon as every live host serves ``generation`` or a newer one, or when ``timeout_s`` is over.

    Hosts that are pinned are told, and not waited for. A store that does not answer is asked again.
    """
    end = clock() + timeout_s
    served = 0
    with progress("waiting for serving hosts") as advance:
        while True:
            try:
                found = who_serves(objects, tenant, generation)
            except RecsysError as error:
                found = Waited(generation=generation, problem=str(error))
            advance(max(0, len(found.serving) - served))
            served = max(served, len(found.serving))
            if found.everywhere or clock() >= end:
                return found
            sleep(_LOOK_S)


def who_serves(objects: Objects, tenant: str, generation: int) -> Waited:
    """Look once; raises what the store does when it does not answer."""
    serving: list[str] = []
    pinned: dict[str, int] = {}
    behind: dict[str, str] = {}
    for host, beat in sorted(heard(objects).items()):
        replica = None if beat is None else beat.tenants.get(tenant)
        if replica is not None and replica.generation >= generation:
            serving.append(host)
        elif replica is not None and replica.pinned is not None:
            pinned[host] = replica.pinned
        else:
            behind[host] = "its heartbeat cannot be read" if beat is None else _why(replica, generation)
    return Waited(generation=generation, serving=tuple(serving), pinned=pinned, behind=behind)


def _why(replica: Replica | None, generation: int) -> str:
    if replica is None:
        return "it has loaded nothing of this tenant yet"
    if replica.rejected:
        return f"it serves generation {replica.generation} and refuses a newer one: {replica.rejected}"
    if replica.problem:
        return f"it serves generation {replica.generation}: {replica.problem}"
    if replica.head >= generation:
        return f"it serves generation {replica.generation} and is loading a newer one"
    return f"it serves generation {replica.generation} and has not seen {generation} yet"
