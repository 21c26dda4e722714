"""The small shop of the lab, for documents that begin with a shop in trouble.

Its people are answered by the real ranking, and they click as the simulation's truth says. The log of answers is
written as the service writes it, so that an incident's thousand answers take a second. Documents that need the service
itself start it.
"""

import itertools
import socket
import time
from pathlib import Path
from typing import Any

import msgspec

from recsys.encoding import canonical, convert, digest, rfc3339
from recsys.events import Decision, Exposure, Outcome, ShownItem
from recsys.lab import shop as small_shop
from recsys.lab.shop import SURFACE, TENANT
from recsys.lab.simulate import Visit
from recsys.ranking.request import RecommendRequest
from recsys.releases.record import FORMAT
from recsys.replicas import Heartbeat, Replica
from recsys.snapshot import recommend

__all__ = ["Shop"]

_K = 10
_AN_HOUR_S = 3600.0


class Shop(small_shop.Shop):
    """A shop whose people need no service."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._clock = time.time() - _AN_HOUR_S
        self._files = itertools.count()

    def people(
        self, visits: int, *, host: str = "host", latency_ms: float = 1.5, minutes_ago: float | None = None
    ) -> None:
        """Let so many people be answered by what is in force now, and click; the log gets it all.

        ``minutes_ago``: when they begin to come; without it, after those before them.
        """
        if minutes_ago is not None:
            self._clock = time.time() - 60 * minutes_ago
        snapshot = self.tenant.snapshot()
        exposures, outcomes = [], []
        for _ in range(visits):
            self._clock += 1.0
            visit = self.shopper.next_visit()
            request = convert(_request(visit), RecommendRequest, what="request")
            answer = recommend(snapshot, request, now=self._clock)
            shown = [item.item_id for item in answer.items]
            exposure = Exposure(
                request_id=f"r{self._clock:.0f}",
                ts=rfc3339(self._clock),
                items=tuple(ShownItem(item_id=item.item_id, rank=item.rank) for item in answer.items),
                context={
                    "tenant_id": TENANT,
                    "surface": SURFACE,
                    "generation": str(snapshot.generation),
                    "rung": "live",
                    "traffic": "user",
                },
                latency_ms=latency_ms,
                decision=Decision(
                    request=msgspec.to_builtins(request),
                    now=self._clock,
                    generation=snapshot.generation,
                    algo_version="blend-2",
                    answer=digest(b""),
                ),
            )
            exposures.append(canonical(exposure))
            for number, reaction in enumerate(self.shopper.react(visit, shown)):
                outcome = Outcome(
                    request_id=exposure.request_id,
                    item_id=reaction.item_id,
                    event_type=reaction.event_type,
                    ts=rfc3339(self._clock + 0.5),
                    event_id=f"{exposure.request_id}-{number}",
                )
                outcomes.append(canonical(outcome))
        for kind, lines in (("exposures", exposures), ("outcomes", outcomes)):
            if lines:
                key = f"events/{TENANT}/{kind}/dt={exposure.ts[:10]}/{host}-0-{next(self._files)}.jsonl"
                self.suite.store.objects.create(key, b"\n".join(lines) + b"\n")
        self.report()

    def report(self) -> None:
        """Leave the heartbeat of a host that serves the newest release."""
        head = self.tenant.releases.current().generation
        beat = Heartbeat(
            host=socket.gethostname(),
            at=rfc3339(time.time()),
            format=FORMAT,
            tenants={TENANT: Replica(generation=head, head=head, unconfirmed_s=0.1)},
        )
        self.suite.store.objects.replace(f"replicas/{beat.host}.json", canonical(beat))


def _request(visit: Visit) -> dict[str, Any]:
    history = [{"item_id": past.item_id, "event_type": past.event_type} for past in visit.history]
    return {"surface": SURFACE, "k": _K, "user": {"anonymous_id": visit.anonymous_id, "history": history}}
