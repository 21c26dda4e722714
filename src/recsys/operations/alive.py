"""Which hosts count as serving."""

from collections.abc import Iterable

from recsys.operations.thresholds import THRESHOLDS
from recsys.replicas import Heartbeat

__all__ = ["alive"]


def alive(beats: Iterable[Heartbeat], *, now_s: float) -> list[Heartbeat]:
    """Return the heartbeats of hosts that were heard lately."""
    return [beat for beat in beats if beat.age_s(now_s) <= THRESHOLDS.heartbeat_missing_s]
