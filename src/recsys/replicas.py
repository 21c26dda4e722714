"""``replicas/<host>.json``: what each serving host last said of itself in the store. Advisory: a hint to people, to the
guard of formats, and to who waits; never a part of a protocol.
"""

from collections.abc import Mapping

import msgspec

from recsys.encoding import canonical, parse_rfc3339
from recsys.errors import RecsysError
from recsys.store import Objects

__all__ = ["ALIVE_S", "Heartbeat", "Replica", "alive", "heard", "read_heartbeats", "write_heartbeat"]

ALIVE_S = 60.0
"""A host whose heartbeat is older, by the store's own time, counts as gone: it beats every few seconds."""

_PREFIX = "replicas/"


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant on one host.

    ``unconfirmed_s``: seconds since the head was last seen to be ``generation``. ``rejected``: why the newest release
    is not fit to be served. ``problem``: why this host does not follow, whatever the release is: a forked log, a full
    disk. ``pinned``: the generation an operator keeps this host at, whatever the log says.
    """

    generation: int
    head: int
    unconfirmed_s: float | None = None
    rejected: str | None = None
    problem: str | None = None
    pinned: int | None = None


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
    objects.replace(f"{_PREFIX}{beat.host}.json", canonical(beat), durable=False)


def read_heartbeats(objects: Objects) -> list[Heartbeat]:
    """Read every host's heartbeat; what cannot be read is left out, because nothing may depend on it."""
    return [beat for key in objects.keys(_PREFIX) if (beat := _read(objects, key)) is not None]


def alive(objects: Objects, *, within_s: float = ALIVE_S) -> list[Heartbeat]:
    """Read the heartbeats of the last ``within_s`` seconds, by the store's own time, whatever hosts' clocks say."""
    return [beat for beat in heard(objects, within_s=within_s).values() if beat is not None]


def heard(objects: Objects, *, within_s: float = ALIVE_S) -> dict[str, Heartbeat | None]:
    """Return the same by host, with ``None`` for one whose heartbeat is young and cannot be read: it is there, and what
    it serves is not known.
    """
    young = [entry.key for entry in objects.entries(_PREFIX) if entry.age_s <= within_s]
    return {key.removeprefix(_PREFIX).removesuffix(".json"): _read(objects, key) for key in young}


def _read(objects: Objects, key: str) -> Heartbeat | None:
    try:
        return msgspec.json.decode(objects.read(key), type=Heartbeat)
    except (RecsysError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
