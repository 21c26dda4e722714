"""The fallback ladder: which step an answer stands on, and what it says about it."""

from typing import Literal

from recsys.ranking import Warning as Notice
from recsys.serving.host_state import Pin
from recsys.snapshot import Snapshot

__all__ = ["NOTICES", "RUNGS", "Rung", "data_stale", "pinned", "rung_of"]

Rung = Literal["live", "last_good", "disk", "floor"]
RUNGS: tuple[Rung, ...] = ("live", "last_good", "disk", "floor")

NOTICES: dict[Rung, tuple[Notice, ...]] = {
    "live": (),
    "last_good": (
        Notice(
            "FALLBACK_LAST_GOOD",
            "the newest release is not confirmed, not fit or not wanted; the last good one answers",
        ),
    ),
    "disk": (Notice("FALLBACK_DISK", "the store has not been reached since the start; this host's copy answers"),),
    "floor": (Notice("FALLBACK_FLOOR", "no release can be read on this host; its floor answers"),),
}
"""What an answer on each rung says."""


def rung_of(*, readable: bool, newest: bool, confirmed_at: float | None, now: float, confirm_s: float) -> Rung:
    """Tell the rung.

    Parameters
    ----------
    readable
        A snapshot is open.
    newest
        It is the newest this host verified, and no newer one was rejected. What is pinned to an older one is not.
    confirmed_at, now
        Seconds since boot: when the head was last seen to be this release (``None``: not since the start),
        and now.
    """
    if not readable:
        return "floor"
    if confirmed_at is None:
        return "disk"
    return "live" if newest and now - confirmed_at <= confirm_s else "last_good"


def pinned(pin: Pin, snapshot: Snapshot | None) -> Notice:
    """Say that an operator keeps this host at a generation. Who and why is for operators, not for clients."""
    said = f"this host was pinned to generation {pin.generation} at {pin.at}"
    if snapshot is None or snapshot.generation != pin.generation:
        said += ", which cannot be read here"
    return Notice("PINNED", said)


HISTORY_BEST_EFFORT = Notice(
    "HISTORY_BEST_EFFORT", "the history holds what this host saw lately; another host may have seen more"
)


def data_stale(data_age_s: float, freshness_slo_h: float) -> Notice:
    """Say that the data is older than its objective."""
    return Notice("DATA_STALE", f"the data ends {data_age_s / 3600:.1f} h ago, objective {freshness_slo_h:g} h")
