"""A real shop in a local store, its service in real processes, and patience."""

import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from tests.unit.signals import artifacts

from recsys.access import create_key
from recsys.catalog import Item, pack_catalog
from recsys.encoding import canonical
from recsys.releases import ArtifactRef, Manifest, Releases, Window, create_tenant
from recsys.serving import Settings
from recsys.serving.process import ServiceProcess
from recsys.store import Store, open_store

ITEMS = 30


def until(holds: Callable[[], Any], what: str, *, timeout_s: float = 20.0) -> Any:
    """Wait for a condition and return what it gave."""
    end = time.monotonic() + timeout_s
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, f"waited {timeout_s:g} s: {what}"
        time.sleep(0.01)


class Answer:
    """A status, headers and a body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body
        self.json = json.loads(body) if body[:1] in (b"{", b"[") else None

    @property
    def rung(self) -> str:
        return self.json["meta"]["rung"]

    @property
    def generation(self) -> int:
        return self.json["meta"]["generation"]

    @property
    def warnings(self) -> set[str]:
        return {warning["code"] for warning in self.json["warnings"]}

    @property
    def marks(self) -> set[str]:
        """What the items say of the manifest they come from."""
        return {item["item_id"].partition("-")[0] for item in self.json["items"]}


def call(
    url: str, body: object = None, *, method: str | None = None, raw: bytes | None = None, **headers: str
) -> Answer:
    """Send a request; a connection that dies with its worker is tried again, as any client would."""
    data = raw if raw is not None else (None if body is None else json.dumps(body).encode())
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    for attempt in range(50):
        request = urllib.request.Request(url, data=data, method=method, headers=given)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Answer(answer.status, dict(answer.headers.items()), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers.items()), error.read())
        except OSError:
            if attempt == 49:
                raise
            time.sleep(0.02)
    raise AssertionError


class Shop:
    """One tenant. Items of a shipped manifest begin with its mark: ``b-004``.

    ``store``: its address, by default a folder below ``root``; ``log``: as of a store.
    """

    def __init__(self, root: Path, *, store: str = "", log: str = "", tenant: str = "demo") -> None:
        self.root, self.address, self.log, self.tenant = root, store or str(root / "store"), log, tenant
        self.store: Store = open_store(self.address, log=log or None)
        create_tenant(self.store, tenant, actor="tests")
        self.client = create_key(self.store, tenant, "client", actor="tests").secret
        self.operator = create_key(self.store, tenant, "operator", actor="tests").secret
        self.releases = Releases(self.store, tenant, actor="tests")

    def manifest(self, mark: str, *, items: int = ITEMS) -> str:
        today = datetime.now(UTC).date()
        ids = [f"{mark}-{number:03d}" for number in range(items)]
        titled = [Item(item_id=one, tags=("t",), title=f"Lamp {one}") for one in ids]
        catalog = pack_catalog(titled, tenant=self.tenant)
        heading = msgspec.structs.replace(artifacts.HEADING, tenant=self.tenant)
        popularity = artifacts.popularity({one: float(len(ids) - at) for at, one in enumerate(ids)}, heading)
        cooc = artifacts.cooc({(ids[0], other): 0.5 for other in ids[1:6]}, heading)
        return self.store.blobs.put(
            self.tenant,
            canonical(
                Manifest(
                    tenant=self.tenant,
                    surface="home",
                    window=Window(start=str(today - timedelta(days=21)), end=str(today)),  # fresh, whenever this runs
                    inputs="sha256:" + "0" * 64,
                    signals={"popularity": (self._ref(popularity),), "cooc": (self._ref(cooc),)},
                    catalog=self._ref(catalog),
                )
            ),
        )

    def ship(self, mark: str) -> int:
        change = self.releases.ship("home", self.manifest(mark), reason=f"ship {mark}")
        return change.release.generation

    def _ref(self, data: bytes) -> ArtifactRef:
        return ArtifactRef(artifact=self.store.blobs.put(self.tenant, data), rows=1, size_bytes=len(data))

    def settings(self, **changes: Any) -> Settings:
        """Settings for a test's patience: short confirmations, quick shipping, free ports."""
        values: dict[str, Any] = {
            "store": self.address,
            "log": self.log,
            "host_dir": str(self.root / "host"),
            "port": 0,
            "admin_port": 0,
            "workers": 2,
            "confirm_s": 1.0,
            "poll_s": 0.05,
            "access_poll_s": 0.2,
            "ship_s": 0.2,
            "heartbeat_s": 0.5,
            "retry_rejected_s": 0.5,
            "record_wait_s": 2.0,  # a busy machine is not a hung disk
            "durable_wait_s": 10.0,
            "ready_bytes": 0,  # nothing is done aside while a test counts files
            **changes,
        }
        return Settings(**values)

    def take_store_away(self) -> None:
        (self.root / "store").rename(self.root / "away")

    def bring_store_back(self) -> None:
        (self.root / "away").rename(self.root / "store")

    def forget_host(self) -> None:
        shutil.rmtree(self.root / "host")


class Served:
    """A shop and its running service."""

    def __init__(self, shop: Shop, process: ServiceProcess) -> None:
        self.shop, self.process = shop, process

    def recommend(self, **body: Any) -> Answer:
        return self.post("/v1/recommend", {"surface": "home", "k": 5, **body})

    def post(self, path: str, body: object = None, *, key: str | None = None, **more: Any) -> Answer:
        secret = self.shop.client if key is None else key
        return call(self.process.base_url + path, body, method="POST", x_api_key=secret, **more)

    def admin(self, path: str, body: object = None, *, method: str | None = None, **headers: str) -> Answer:
        key = headers.pop("key", self.shop.operator)
        return call(self.process.admin_url + path, body, method=method, x_api_key=key, **headers)

    def answers_from(self, generation: int, rung: str = "live") -> Answer:
        """Wait until every one of several answers in a row (of all workers, that is) comes from there."""

        def there() -> Answer | None:
            answers = [self.recommend() for _ in range(8)]
            if all(one.status == 200 and (one.generation, one.rung) == (generation, rung) for one in answers):
                return answers[-1]
            return None

        return until(there, f"answers of generation {generation} on rung {rung}")


@contextmanager
def served(shop: Shop, **changes: Any) -> Iterator[Served]:
    """Run the shop's service for a while."""
    process = ServiceProcess(shop.settings(**changes), log=shop.root / "service.log")
    with process:
        process.wait_ready()
        yield Served(shop, process)
