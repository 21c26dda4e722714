"""``replicas/<host>.json``: what a serving host last said of itself in the store. Advisory."""

from collections.abc import Mapping

import msgspec

from recsys.encoding import canonical, parse_rfc3339
from recsys.errors import RecsysError
from recsys.store import Objects

__all__ = ["Heartbeat", "Replica", "read_heartbeats", "write_heartbeat"]


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant on one host.

    ``unconfirmed_s``: seconds since the head was last seen to be ``generation``. ``rejected``: why the newest release
    is not fit to be served. ``problem``: why this host does not follow, whatever the release is: a forked log, a full
    disk.
    """

    generation: int
    head: int
    unconfirmed_s: float | None = None
    rejected: str | None = None
    problem: str | None = None


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """One host at one moment; ``format`` is the newest release format it understands."""

    host: str
    at: str
    format: int
    tenants: Mapping[str, Replica]

    def age_s(self, now_s: float) -> float:
        """Return how long ago it was written, by the clocks of two hosts: a label, never an order."""
        return now_s - parse_rfc3339(self.at, what=f"heartbeat of {self.host}")


def write_heartbeat(objects: Objects, beat: Heartbeat) -> None:
    """Leave it in the store, over the one before. Not forced to the disk: it is a hint."""
    objects.replace(f"replicas/{beat.host}.json", canonical(beat), durable=False)


def read_heartbeats(objects: Objects) -> list[Heartbeat]:
    """Read every host's heartbeat; what cannot be read is left out, because nothing may depend on it."""
    found = []
    for key in objects.keys("replicas/"):
        try:
            found.append(msgspec.json.decode(objects.read(key), type=Heartbeat))
        except (RecsysError, msgspec.DecodeError):
            continue
    return found
