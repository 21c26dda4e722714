"""What cannot be seen of a candidate now. While anything cannot, nothing is promoted: no news is no good news."""

from collections.abc import Iterator, Mapping

import msgspec

from recsys.encoding import rfc3339
from recsys.releases.arm import Arm
from recsys.replicas import Heartbeat

__all__ = ["Sight", "missing"]


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at one look.

    ``beats``: what hosts say, ``None`` for one that cannot be understood. ``since``: the generation that began the
    candidate. ``newest_s``: by host, the moment of its newest recorded answer. ``last_s``: by arm, that of its newest
    answer. ``holes``: records that were lost. Moments are seconds since 1970.
    """

    tenant: str
    since: int
    began_s: float
    beats: Mapping[str, Heartbeat | None]
    newest_s: Mapping[str, float]
    last_s: Mapping[Arm, float]
    holes: tuple[str, ...] = ()
    trouble: str = ""


def missing(sight: Sight, *, now_s: float, silence_s: float) -> tuple[str, ...]:
    """Say what is missing, a sentence each; nothing when everything is seen."""
    if sight.trouble:
        return (sight.trouble,)
    return (*_hosts(sight, now_s, silence_s), *_arms(sight, now_s, silence_s), *_holes(sight.holes))


def _hosts(sight: Sight, now_s: float, silence_s: float) -> Iterator[str]:
    if not sight.beats:
        yield "no serving host is heard of: is the service running?"
    for host, beat in sorted(sight.beats.items()):
        replica = None if beat is None else beat.tenants.get(sight.tenant)
        if beat is None:
            yield f"the heartbeat of {host} cannot be read"
        elif replica is None or replica.generation < sight.since:
            serves = "nothing of this tenant" if replica is None else f"generation {replica.generation}"
            why = "" if replica is None else replica.rejected or replica.problem or ""
            yield f"{host} serves {serves}, not the candidate" + (f": {why}" if why else "")
        elif now_s - sight.newest_s.get(host, sight.began_s) > silence_s:
            newest = sight.newest_s.get(host)
            yield f"{host} is up, and its log ends " + ("before the candidate" if newest is None else rfc3339(newest))


def _arms(sight: Sight, now_s: float, silence_s: float) -> Iterator[str]:
    for arm in ("candidate", "control"):
        last = sight.last_s.get(arm)
        if last is None:
            yield f"no answer of {arm} yet"
        elif now_s - last > silence_s:
            yield f"no answer of {arm} since {rfc3339(last)}"
        elif last - now_s > silence_s:
            yield f"answers of {arm} are from {rfc3339(last)}, which is to come: whose clock is off?"


def _holes(holes: tuple[str, ...]) -> Iterator[str]:
    if holes:
        more = f", and {len(holes) - 1} more" if len(holes) > 1 else ""
        yield f"the log has a hole: {holes[0]}{more}"
