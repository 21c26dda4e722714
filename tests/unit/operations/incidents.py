"""A served shop whose log of answers is made by the real ranking, and whose people click as told."""

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from tests.unit.snapshot.shops import ITEMS, Shop

from recsys.encoding import canonical, digest, rfc3339
from recsys.events import Decision, Exposure, Outcome, ShownItem
from recsys.operations.doctor import Diagnosis, diagnose
from recsys.operations.here import Here
from recsys.pipelines.report import LastRun, record_run
from recsys.ranking.request import RecommendRequest, SimilarRequest, User
from recsys.releases import Releases, create_tenant
from recsys.replicas import Heartbeat, Replica, write_heartbeat
from recsys.snapshot import open_release, recommend, similar

__all__ = ["NOW_S", "Incident"]

NOW_S = 1_764_000_000.0


class Incident:
    """Tenant ``demo`` serving ``home``; time goes on by one second an answer."""

    def __init__(self, folder: Path) -> None:
        self.shop = Shop()
        self.store = self.shop.store
        create_tenant(self.store, "demo", actor="test")
        self.releases = Releases(self.store, "demo", actor="test", clock=lambda: NOW_S)
        self.cache = folder / "cache"
        self.at(NOW_S - 20_000)
        self._files = itertools.count()

    def at(self, seconds: float) -> None:
        """Go on from a moment, in seconds since 1970."""
        self._clock = itertools.count(int(seconds))

    def ship(self, **artifacts: Any) -> None:
        self.releases.ship("home", self.shop.manifest(**artifacts), reason="test")

    def block(self, rule_id: str, item_ids: list[str]) -> None:
        rule = {"id": rule_id, "action": "block", "target_type": "item", "item_ids": item_ids}
        self.releases.put_rules(canonical([rule]), reason="test")

    def block_all(self) -> None:
        self.block("everything", [item.item_id for item in ITEMS] + ["x1"])

    def serve(
        self,
        answers: int,
        *,
        clicks: Callable[[int], bool] = lambda _number: False,
        k: int = 5,
        people: Callable[[int], str | None] = lambda _number: None,
        similar_too: bool = False,
        kinds: bool = True,
        latency_ms: float = 1.5,
        host: str = "host",
        arms: Callable[[int], Mapping[str, str]] = lambda _number: {},
        lost: Callable[[int], bool] = lambda _number: False,
    ) -> None:
        """Answer so many requests from the newest release and write the log as the service would.

        ``people`` names who asks; without it everybody asks once. With ``similar_too``, every second answer is one
        of ``/v1/similar``. ``kinds`` says whether the log names the routes, as it always does now. ``arms`` is what
        the context says of an experiment; ``lost`` exposures are not in the log, and their clicks are.
        """
        snapshot = open_release(self.store, "demo", root=self.cache)
        exposures, outcomes = [], []
        for number in range(answers):
            now = float(next(self._clock))
            request: RecommendRequest | SimilarRequest
            kind: Literal["recommend", "similar"]
            if similar_too and number % 2:
                request, kind = SimilarRequest(surface="home", item_id=ITEMS[0].item_id, k=k), "similar"
                answer = similar(snapshot, request, now=now)
            else:
                asks = User(user_id=people(number))
                request, kind = RecommendRequest(surface="home", k=k, user=asks), "recommend"
                answer = recommend(snapshot, request, now=now)
            decision = Decision(
                request=msgspec.to_builtins(request),
                now=now,
                generation=snapshot.generation,
                algo_version="blend-2",
                answer=digest(b""),
                kind=kind if kinds else None,
            )
            exposure = Exposure(
                request_id=f"r{now:.0f}",
                ts=rfc3339(now),
                user_id=people(number),
                items=tuple(ShownItem(item_id=item.item_id, rank=item.rank) for item in answer.items),
                context={
                    "tenant_id": "demo",
                    "surface": "home",
                    "generation": str(snapshot.generation),
                    "rung": "live",
                    **arms(number),
                },
                latency_ms=latency_ms,
                decision=decision,
            )
            if not lost(number):
                exposures.append(canonical(exposure))
            if answer.items and clicks(number):
                outcome = Outcome(
                    request_id=exposure.request_id, item_id=answer.items[0].item_id, event_type="click", ts=exposure.ts
                )
                outcomes.append(canonical(outcome))
        for stream, lines in (("exposures", exposures), ("outcomes", outcomes)):
            if lines:
                key = f"events/demo/{stream}/dt={rfc3339(now)[:10]}/{host}-0-{next(self._files)}.jsonl"
                self.store.objects.create(key, b"\n".join(lines) + b"\n")

    def another_tenant(self) -> None:
        """Let ``other`` be there too, after a run that failed."""
        create_tenant(self.store, "other", actor="test")
        failed = {"stage": "ingest", "error": "shop.csv:7: no item_id", "error_code": "INVALID"}
        record_run(self.store, LastRun(tenant="other", surface="home", started=rfc3339(NOW_S - 600), **failed))

    def lose(self, what: str) -> None:
        """Let the ``config`` or the ``manifest`` of ``demo`` be gone, or its newest ``record`` be damaged."""
        head = self.releases.current()
        if what == "record":
            self.store.objects.replace(f"releases/demo/{head.generation:010}.json", b"{")
        else:
            self.store.blobs.delete("demo", head.config if what == "config" else str(head.surfaces["home"].manifest))

    def ran(self, **record: Any) -> None:
        """Leave the record of a run that began ten minutes ago."""
        run = LastRun(tenant="demo", surface="home", started=rfc3339(NOW_S - 600), **record)
        record_run(self.store, run)

    def report(self, *, now_s: float = NOW_S, **replicas: Replica) -> None:
        """Leave the heartbeats of hosts, by name."""
        for host, replica in replicas.items():
            beat = Heartbeat(host=host, at=rfc3339(now_s), format=1, tenants={"demo": replica})
            write_heartbeat(self.store.objects, beat)

    def doctor(self, *symptoms: Any, now_s: float = NOW_S, here: Here | None = None) -> Diagnosis:
        return diagnose(self.store, ["demo"], symptoms=symptoms, cache=self.cache, here=here, now_s=now_s)
