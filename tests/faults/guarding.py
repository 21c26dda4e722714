"""A real service whose surfaces try candidates, people who ask it over HTTP, and real guards."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from tests.integration.serving.shops import Served, Shop
from tests.unit.signals import artifacts

from recsys.catalog import Item, pack_catalog
from recsys.encoding import canonical, rfc3339
from recsys.releases import Manifest

PEOPLE = 3_000
ASKS_PER_S = 60.0
"""Of each surface; half of them have the candidate: at least 20 candidate requests a second, also on a busy machine."""
WANT_RARE = 0.05


class Market(Shop):
    """Surfaces that serve the same thirty items, ten of which are rare."""

    def open(self, surface: str) -> None:
        base = msgspec.json.decode(self.store.blobs.read("demo", self.manifest("a")), type=Manifest)
        ids = [f"a-{number:03d}" for number in range(30)]
        tagged = [Item(item_id=one, tags=("rare",) if at % 3 == 0 else ("t",)) for at, one in enumerate(ids)]
        popular = artifacts.popularity({one: float(len(ids) - at) for at, one in enumerate(ids)})
        made = msgspec.structs.replace(
            base,
            surface=surface,
            signals={"popularity": (self._ref(popular),)},
            catalog=self._ref(pack_catalog(tagged, tenant="demo")),
        )
        self.releases.ship(surface, self.store.blobs.put("demo", canonical(made)))

    def begin(self, surface: str, *, blocks: str) -> str:
        """Begin a candidate whose rules leave nothing to who wants what they block; return its name."""
        rule = {"id": f"no-{blocks}-{surface}", "action": "block", "target_type": "tag", "target_key": blocks}
        change = self.releases.candidates.start(surface, share=0.5, rules=canonical([rule | {"surface": surface}]))
        return f"{surface}-{change.release.generation}"

    def runs(self, surface: str) -> bool:
        return bool(self.releases.candidates.running(surface))


class People(threading.Thread):
    """Ask a surface at an even pace; one of twenty requests wants what is rare. ``clicks``: how often somebody with
    each arm clicks on an answer.
    """

    def __init__(self, service: Served, surface: str, *, seed: str, clicks: Mapping[str, float]) -> None:
        super().__init__(daemon=True)
        self._clicks = clicks
        self._where = urllib.parse.urlsplit(service.process.base_url)
        self._key, self._surface = service.shop.client, surface
        self._chance = random.Random(seed)
        self._done = threading.Event()
        self.asked = self.failed = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._where.hostname or "", self._where.port, timeout=10)
        due = time.monotonic()
        while not self._done.is_set():
            self._ask(connection)
            due = max(due + 1 / ASKS_PER_S, time.monotonic() - 1.0)
            self._done.wait(max(0.0, due - time.monotonic()))
        connection.close()

    def end(self) -> None:
        self._done.set()
        self.join()

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        body: dict[str, Any] = {"surface": self._surface, "k": 3}
        who = f"browser-{self._chance.randrange(PEOPLE)}"
        body["user"] = {"anonymous_id": who}
        if self._chance.random() < WANT_RARE:
            body["constraints"] = {"required_tags": ["rare"]}
        found = self._post(connection, "/v1/recommend", body)
        self.asked += 1
        if found and found["items"] and self._chance.random() < self._clicks.get(found["meta"].get("variant"), 0.0):
            click = {"request_id": found["meta"]["request_id"], "item_id": found["items"][0]["item_id"]}
            click |= {"event_type": "click", "ts": rfc3339(time.time()), "event_id": str(uuid.uuid4())}
            self._post(connection, "/v1/events", [click | {"anonymous_id": who}])

    def _post(self, connection: http.client.HTTPConnection, path: str, body: object) -> dict[str, Any]:
        try:
            headers = {"X-API-Key": self._key, "Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            self.failed += 1
            return {}
        self.failed += answer.status != 200
        return found


@contextmanager
def people_at(
    service: Served, *surfaces: str, seed: int, clicks: Mapping[str, float] | None = None
) -> Iterator[dict[str, People]]:
    """Let people come to each surface for a while."""
    come = {surface: People(service, surface, seed=f"{seed} {surface}", clicks=clicks or {}) for surface in surfaces}
    for each in come.values():
        each.start()
    try:
        yield come
    finally:
        for each in come.values():
            each.end()


@contextmanager
def a_guard(shop: Shop, surface: str, *more: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Run ``recsys guard`` in a process of its own, and end it with the block; its document comes on its standard
    output.
    """
    environment = {**os.environ, "RECSYS_STORE": shop.address, "RECSYS_TENANT": "demo", "RECSYS_ACTOR": "guard"}
    environment["RECSYS_HOST_DIR"] = str(shop.root / "host")
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # of tests in the background; its children would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "recsys", "guard", "--surface", surface, "--every", "1", "--json", *more]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as guard:
        try:
            yield guard
        finally:
            guard.kill()
