"""A small shop on a real store, with what can happen to it: for drills, and for documents that begin with a shop in
trouble.
"""

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from recsys import library, pipelines
from recsys.encoding import canonical
from recsys.errors import Failed
from recsys.lab.mishaps import scraper_events, unfiltered_recall
from recsys.lab.simulate import Shopper, World, simulate, stream
from recsys.library import Tenant
from recsys.pipelines import RunReport
from recsys.releases import Change
from recsys.serving.processes import Child, Processes, read_processes

__all__ = ["SURFACE", "TENANT", "Shop", "make_shop"]

TENANT, SURFACE = "demo", "home"
_USERS, _ITEMS, _DAYS, _SEED = 300, 60, 30, 1


def make_shop(folder: Path) -> None:
    """Make a shop in an empty folder: 30 days of events until yesterday, and one release of them."""
    end = datetime.now(UTC).date() - timedelta(days=1)
    simulate(users=_USERS, items=_ITEMS, days=_DAYS, seed=_SEED, format="jsonl", out=folder / "shop", end=end)
    shop = Shop(folder)
    shop.suite.create_tenant(TENANT, reason="a new shop")
    shop.build(reason="nightly run")


class Shop:
    """Tenant ``demo`` serving ``home`` from ``var/store`` of a folder that :func:`make_shop` filled.

    Its host's files are below ``var/host``; ``shop`` holds the events and the catalogue.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store_path = folder / "var/store"
        self.host_path = folder / "var/host"
        self.suite = library.open(self.store_path, create=True, actor="night-shift")
        self.world = World.make(users=_USERS, items=_ITEMS, seed=_SEED)
        self.shopper = Shopper(self.world, stream(_SEED, "visits"), surfaces={SURFACE: 1.0})

    @property
    def tenant(self) -> Tenant:
        return self.suite.tenant(TENANT)

    @property
    def events(self) -> list[Path]:
        return [self.folder / "shop/interactions.jsonl", self.folder / "shop/outcomes.jsonl"]

    @property
    def item_ids(self) -> list[str]:
        """Every item of the catalogue."""
        lines = (self.folder / "shop/catalog.jsonl").read_bytes().splitlines()
        return [msgspec.json.decode(line)["item_id"] for line in lines]

    @property
    def unwanted(self) -> list[str]:
        """The twenty items that people like least."""
        return [str(item) for item in self.world.items.ids[self.world.interest.argsort()[:20]]]

    def build(
        self,
        *more: Path,
        days: int = _DAYS,
        days_ago: int = 1,
        surface: str = SURFACE,
        catalog: Path | None = None,
        reason: str,
        ship: bool = True,
        force: bool = False,
    ) -> RunReport:
        """Run the pipelines over so many days of the shop's past, until so many days ago."""
        today = datetime.now(UTC).date()
        return pipelines.run(
            self.tenant,
            surface=surface,
            events=[*self.events, *more],
            catalog=catalog or self.folder / "shop/catalog.jsonl",
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
        self.put_rules(unfiltered_recall(self.item_ids), reason="product recall")

    def export_with_a_scraper(self) -> Path:
        """Write a day's export in which a scraper's made-up users took what people like least, passing everything."""
        path = self.folder / "shop/export.jsonl"
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        scraper_events(path, wanted=self.unwanted, passed=self.item_ids, end=yesterday, visitors=12_000)
        return path

    def catalog_of_another_country(self) -> Path:
        """Write the catalogue as another country's feed has it: everything is sold in New Zealand alone."""
        rows = map(msgspec.json.decode, (self.folder / "shop/catalog.jsonl").read_bytes().splitlines())
        path = self.folder / "shop/new-zealand.jsonl"
        path.write_bytes(b"".join(canonical({**row, "countries": ["NZ"]}) + b"\n" for row in rows))
        return path

    def cut_the_export(self) -> None:
        """End the export of interactions in the middle of a line, as a full disk does."""
        with self.events[0].open("rb+") as file:
            file.seek(-70, 2)
            file.truncate()

    def damage_the_largest_artifact_of(self, built: RunReport) -> None:
        """Take the last bytes off the largest artifact that a run made."""
        digests = {signal.artifact.removeprefix("sha256:") for signal in built.signals.values()}
        found = [path for path in (self.store_path / "blobs").rglob("*") if path.name in digests]
        artifact = max(found, key=lambda path: path.stat().st_size)
        artifact.chmod(0o644)
        artifact.write_bytes(artifact.read_bytes()[:-100])

    @contextmanager
    def follower_standing_still(self) -> Iterator[None]:
        """Keep the running service from reading the store for a moment."""
        follower = self.children()["follower"].pid
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
        processes = self._processes()
        for pid in (processes.supervisor, *(child.pid for child in processes.children.values())):
            os.kill(pid, signal.SIGKILL)
        while _listens(processes.host, processes.port) or _listens(processes.admin_host, processes.admin_port):
            time.sleep(0.01)

    def store_goes_away(self) -> None:
        shutil.move(self.store_path, self.folder / "var/store.away")

    def store_comes_back(self) -> None:
        shutil.move(self.folder / "var/store.away", self.store_path)

    def children(self) -> Mapping[str, Child]:
        """Return the processes of the running service: ``follower``, ``admin``, ``worker-<n>``."""
        return self._processes().children

    def _processes(self) -> Processes:
        found = read_processes(self.host_path / "processes.json")
        if found is None:
            raise Failed("no service runs here", next_step="start it first")
        return found


def _listens(host: str, port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex((host, port)) == 0
