"""A small shop on a real store, for documents that begin with a shop in trouble.

Its past is simulated, its release is built by the real pipelines, its people are answered by the real ranking, and they
click as the simulation's truth says. The log of answers is written as the service writes it, so that an incident's
thousand answers take a second. Documents that need the service itself start it.
"""

import itertools
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

import recsys
from recsys.encoding import canonical, convert, digest, rfc3339
from recsys.events import Decision, Exposure, Outcome, ShownItem
from recsys.lab.mishaps import scraper_events, unfiltered_recall
from recsys.lab.simulate import Shopper, Visit, World, simulate, stream
from recsys.library import Tenant
from recsys.pipelines import RunReport
from recsys.ranking.request import RecommendRequest
from recsys.releases import Change
from recsys.releases.record import FORMAT
from recsys.replicas import Heartbeat, Replica
from recsys.serving.processes import read_processes
from recsys.snapshot import recommend

__all__ = ["Shop", "make_template"]

TENANT, SURFACE = "demo", "home"
_USERS, _ITEMS, _DAYS, _SEED = 300, 60, 30, 1
_K = 10
_AN_HOUR_S = 3600.0


def make_template(folder: Path) -> None:
    """Make the shop that every scene begins with: 30 days of events until yesterday, and one release of them."""
    end = datetime.now(UTC).date() - timedelta(days=1)
    simulate(users=_USERS, items=_ITEMS, days=_DAYS, seed=_SEED, format="jsonl", out=folder / "shop", end=end)
    shop = Shop(folder)
    shop.suite.create_tenant(TENANT, reason="a new shop")
    shop.build(reason="nightly run")


class Shop:
    """Tenant ``demo`` serving ``home`` from ``var/store`` of a folder that :func:`make_template` filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.suite = recsys.open(folder / "var/store", create=True, actor="night-shift")
        self._world = World.make(users=_USERS, items=_ITEMS, seed=_SEED)
        self._shopper = Shopper(self._world, stream(_SEED, "visits"), surfaces={SURFACE: 1.0})
        self._clock = time.time() - _AN_HOUR_S
        self._files = itertools.count()

    @property
    def tenant(self) -> Tenant:
        return self.suite.tenant(TENANT)

    @property
    def events(self) -> list[Path]:
        return [self.folder / "shop/interactions.jsonl", self.folder / "shop/outcomes.jsonl"]

    def build(
        self,
        *more: Path,
        days: int = _DAYS,
        days_ago: int = 1,
        surface: str = SURFACE,
        reason: str,
        ship: bool = True,
        force: bool = False,
    ) -> RunReport:
        """Run the pipelines over so many days of the shop's past, until so many days ago."""
        today = datetime.now(UTC).date()
        return recsys.pipelines.run(
            self.tenant,
            surface=surface,
            events=[*self.events, *more],
            catalog=self.folder / "shop/catalog.jsonl",
            start=today - timedelta(days=days),
            end=today - timedelta(days=days_ago),
            reason=reason,
            ship=ship,
            force=force,
        )

    def put_rules(self, rules: Sequence[dict[str, Any]], *, reason: str) -> Change:
        return self.tenant.releases.put_rules(canonical(rules), reason=reason)

    def put_config(self, config: dict[str, Any], *, reason: str) -> Change:
        return self.tenant.releases.put_config(canonical(config), reason=reason)

    def put_recall_list_without_its_filter(self) -> None:
        lines = (self.folder / "shop/catalog.jsonl").read_bytes().splitlines()
        items = [msgspec.json.decode(line)["item_id"] for line in lines]
        self.put_rules(unfiltered_recall(items), reason="product recall")

    def export_with_a_scraper(self) -> Path:
        """Write a day's export in which a scraper's made-up users took what people like least."""
        least = self._world.interest.argsort()[:20]
        path = self.folder / "shop/export.jsonl"
        yesterday: date = datetime.now(UTC).date() - timedelta(days=1)
        scraper_events(path, wanted=[str(item) for item in self._world.items.ids[least]], end=yesterday, visitors=6000)
        return path

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
            visit = self._shopper.next_visit()
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
            for number, reaction in enumerate(self._shopper.react(visit, shown)):
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

    def largest_artifact_of(self, built: RunReport) -> Path:
        """Return the file of the largest artifact that a run made."""
        digests = {signal.artifact.removeprefix("sha256:") for signal in built.signals.values()}
        found = [path for path in (self.folder / "var/store/blobs").rglob("*") if path.name in digests]
        return max(found, key=lambda path: path.stat().st_size)

    @contextmanager
    def follower_standing_still(self) -> Iterator[None]:
        """Keep the running service from reading the store for a moment."""
        processes = read_processes(self.folder / "var/host/processes.json")
        assert processes is not None, "no service runs"
        follower = processes.children["follower"].pid
        os.kill(follower, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(follower, signal.SIGCONT)

    def lose_most_of_a_day(self) -> Callable[[], None]:
        """Leave a tenth of the day before yesterday in the exports; what is returned brings the rest back."""
        whole = {path: path.read_bytes() for path in self.events}
        day = str(datetime.now(UTC).date() - timedelta(days=2)).encode()
        for path, data in whole.items():
            lines = data.splitlines(keepends=True)
            last = [line for line in lines if b'"ts":"' + day in line.replace(b" ", b"")]
            lost = set(last[len(last) // 10 :])
            path.write_bytes(b"".join(line for line in lines if line not in lost))

        def bring_back() -> None:
            for path, data in whole.items():
                path.write_bytes(data)

        return bring_back

    def kill_the_service(self) -> None:
        """End every process of the running service at once, as a machine does that runs out of memory."""
        processes = read_processes(self.folder / "var/host/processes.json")
        assert processes is not None, "no service runs"
        for pid in (processes.supervisor, *(child.pid for child in processes.children.values())):
            os.kill(pid, signal.SIGKILL)

    def store_goes_away(self) -> None:
        shutil.move(self.folder / "var/store", self.folder / "var/store.away")

    def store_comes_back(self) -> None:
        shutil.move(self.folder / "var/store.away", self.folder / "var/store")


def _request(visit: Visit) -> dict[str, Any]:
    history = [{"item_id": past.item_id, "event_type": past.event_type} for past in visit.history]
    return {"surface": SURFACE, "k": _K, "user": {"anonymous_id": visit.anonymous_id, "history": history}}
