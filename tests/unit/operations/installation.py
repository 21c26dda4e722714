"""An installation as the checklist meets it: a store on disk, settings, hosts that reported, and ports that answer."""

import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
from tests.unit.snapshot.shops import Shop

from recsys.access import create_key, load_directory
from recsys.encoding import canonical, digest, rfc3339
from recsys.operations.readiness import ITEMS, Answer, Checked, Facts, Readiness, Urls, check, gathered, judged
from recsys.pipelines.report import LastRun, record_run
from recsys.releases import Release, Releases, create_tenant
from recsys.releases.record import FORMAT
from recsys.replicas import Heartbeat, Replica, write_heartbeat
from recsys.serving import Settings, read_settings
from recsys.store import open_store

__all__ = ["Installation", "answering"]

NOWHERE = Urls(product="http://127.0.0.1:9", operators="http://127.0.0.1:9")
"""The discard port: nothing listens there."""


class Installation:
    """Tenant ``demo`` serving ``home`` from generation 2. ``ahead_d``: by how many days the checklist is walked later
    than now; ``how``: what else it is given.
    """

    def __init__(self, folder: Path, *, copied_from: "Installation | None" = None) -> None:
        self.folder = folder
        if copied_from is not None:
            shutil.copytree(copied_from.folder / "store", folder / "store")
        self.store = open_store(str(folder / "store"), create=copied_from is None)
        self.shop = Shop(self.store)
        self.releases = Releases(self.store, "demo", actor="ann")
        if copied_from is None:
            create_tenant(self.store, "demo", actor="ann")
            self.releases.ship("home", self.manifest(), reason="by hand")
        self.environ: dict[str, str] = {}
        self.answers: dict[str, Answer] = {}
        self.how: dict[str, Any] = {"urls": NOWHERE}
        self.ahead_d = 0.0

    def manifest(self, *, days_ago: int = 0) -> str:
        return self.shop.manifest(end=str(datetime.now(UTC).date() - timedelta(days=days_ago)))

    def key(self, role: str) -> None:
        create_key(self.store, "demo", role, actor="ann")

    def config(self, **keys: object) -> None:
        self.releases.put_config(canonical(keys))

    def ran(self, **how: Any) -> None:
        now = rfc3339(datetime.now(UTC).timestamp())
        record_run(
            self.store,
            LastRun(**{"tenant": "demo", "surface": "home", "stage": "done", "started": now, "finished": now, **how}),
        )

    def hosts(self, *names: str) -> None:
        generation = self.releases.current().generation
        for name in names:
            now = rfc3339(datetime.now(UTC).timestamp())
            serving = {"demo": Replica(generation=generation, head=generation)}
            write_heartbeat(self.store.objects, Heartbeat(host=name, at=now, format=FORMAT, tenants=serving))

    def append(self, release: Release) -> None:
        """Put a record into the log as another version or another day may have left it."""
        head = self.releases.history.head()
        number = head.release.generation + 1
        made = msgspec.structs.replace(
            release,
            generation=number,
            log=head.release.log,
            attempt=f"a{number}",
            previous=digest(head.release.encode()),
        )
        self.store.releases.append("demo", number, made.encode())

    def facts(self) -> Facts:
        settings: Settings | None = None
        problem = ""
        try:
            settings = read_settings(self.environ)
        except Exception as error:
            problem = str(error)
        directory = load_directory(self.store)
        return gathered(
            self.store,
            directory,
            sorted(directory.tenants),
            host_dir=self.folder / "host",
            settings=settings,
            settings_problem=problem,
            now_s=datetime.now(UTC).timestamp() + self.ahead_d * 86_400,
            **self.how,
        )

    def walk(self) -> Readiness:
        return check(self.facts(), self.answers)

    def item(self, name: str) -> Checked:
        """Judge one item alone."""
        (item,) = (item for item in ITEMS if item.id == name)
        return judged(item, self.facts(), self.answers.get(name))


@contextmanager
def answering(statuses: Mapping[str, int], *, to: str = "") -> Iterator[str]:
    """Serve these statuses by path on a free port of this machine; ``to``: where whoever asks is sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.get(self.path, 404))
            self.send_header("Content-Length", "0")
            if to:
                self.send_header("Location", to)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
