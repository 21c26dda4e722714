"""Two versions of the suite side by side: commands and services of each, on one store."""

import json
import os
import subprocess
import sys
import tarfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from tests.integration.serving.shops import Answer, call, until

__all__ = ["Host", "Load", "Version", "earlier", "this_version"]

REPOSITORY = Path(__file__).parents[2]
FIRST = "ca580fe"
"""The commit whose format-1 stores are kept in tests/stores as those of 0.1.0."""


class Version:
    """One version of the suite, by the folder its source lies in."""

    def __init__(self, source: Path) -> None:
        self._source = source

    def environment(self, root: Path, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}
        return {
            **kept,
            "PYTHONPATH": str(self._source),
            "PYTHONWARNINGS": "ignore",
            "RECSYS_STORE": str(root / "store"),
            "RECSYS_ACTOR": "ops",
            **more,
        }

    def run(self, root: Path, *words: str, code: int = 0) -> str:
        """Run a command, check its exit code, and return what it printed, errors included."""
        command = [sys.executable, "-m", "recsys", *words]
        done = subprocess.run(
            command, cwd=root, env=self.environment(root), capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


this_version = Version(REPOSITORY / "src")


def earlier(root: Path) -> Version:
    """Lay down the source of the first version; skips without the history that has it."""
    made = subprocess.run(["git", "archive", FIRST, "src"], cwd=REPOSITORY, capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"the history of this checkout does not reach back to {FIRST}")
    with tarfile.open(fileobj=BytesIO(made.stdout)) as archive:
        archive.extractall(root, filter="data")
    return Version(root / "src")


class Host:
    """One serving host: its directory stays when its service is stopped, whichever version starts next."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        self.folder = root / f"host-{name}"
        self._service: subprocess.Popen[bytes] | None = None
        self.urls: tuple[str, str] | None = None

    def start(self, version: Version) -> None:
        """Start the service, and wait until it is ready."""
        environment = version.environment(
            self.root,
            RECSYS_HOST_DIR=str(self.folder),
            RECSYS_SERVE_HOST_NAME=self.name,
            RECSYS_SERVE_PORT="0",
            RECSYS_SERVE_ADMIN_PORT="0",
            RECSYS_SERVE_HEARTBEAT_S="0.5",
            RECSYS_SERVE_RETRY_REJECTED_S="0.5",
        )
        with (self.root / f"{self.name}.log").open("ab") as log:
            self._service = subprocess.Popen(
                [sys.executable, "-m", "recsys", "serve"], cwd=self.root, env=environment, stdout=log, stderr=log
            )
        told = self.folder / "processes.json"

        def listening() -> dict[str, Any] | None:
            assert self._service is not None
            assert self._service.poll() is None, (self.root / f"{self.name}.log").read_text()[-2000:]
            found = json.loads(told.read_bytes()) if told.exists() else {}
            return found if found.get("supervisor") == self._service.pid else None

        found = until(listening, f"{self.name} listens", timeout_s=60)
        product, admin = (f"http://127.0.0.1:{found[port]}" for port in ("port", "admin_port"))
        until(lambda: call(f"{product}/readyz").status == 200, f"{self.name} is ready", timeout_s=60)
        self.urls = product, admin

    def stop(self) -> None:
        """Take it out of the load balancer, then stop it as a deployment would."""
        self.urls = None
        if self._service is not None:
            self._service.terminate()
            assert self._service.wait(60) == 0
            self._service = None

    def kill(self) -> None:
        self.urls = None
        if self._service is not None:
            self._service.terminate()
            try:
                self._service.wait(30)
            except subprocess.TimeoutExpired:
                self._service.kill()

    def ask(self, key: str) -> Answer:
        assert self.urls is not None
        return call(f"{self.urls[0]}/v1/recommend", {"surface": "home", "k": 5}, X_API_Key=key)

    def health(self) -> dict[str, Any]:
        assert self.urls is not None
        return call(f"{self.urls[1]}/health/detailed").json

    def serves(self, key: str, generation: int, rung: str = "live") -> None:
        """Wait until it answers from a generation."""

        def does() -> bool:
            answer = self.ask(key)
            return answer.status == 200 and (answer.generation, answer.rung) == (generation, rung)

        until(does, f"{self.name} serves generation {generation} ({rung})", timeout_s=40)

    def forget_heartbeat(self) -> None:
        """Let the minute pass after which a host that is silent counts as gone, by the store's own time."""
        path = self.root / f"store/replicas/{self.name}.json"
        before = path.stat().st_mtime - 120
        os.utime(path, (before, before))


class Load:
    """People who ask whichever host is in the load balancer, and the other one when that fails."""

    def __init__(self, hosts: Sequence[Host], key: str) -> None:
        self._hosts, self._key = hosts, key
        self._over = threading.Event()
        self.answered, self.lost, self.empty = 0, [], 0

    @contextmanager
    def running(self) -> Iterator["Load"]:
        thread = threading.Thread(target=self._go)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _go(self) -> None:
        turn = 0
        while not self._over.wait(0.02):
            turn += 1
            hosts = [self._hosts[(turn + at) % len(self._hosts)] for at in range(len(self._hosts))]
            told = [self._one(urls[0]) for host in hosts if (urls := host.urls)]
            if not any(isinstance(one, list) for one in told):
                self.lost.append(told)
                continue
            self.answered += 1
            self.empty += any(one == [] for one in told)

    def _one(self, url: str) -> list[Any] | str:
        """Return the items of one answer, or why there is none."""
        body = json.dumps({"surface": "home", "k": 5}).encode()
        request = urllib.request.Request(f"{url}/v1/recommend", data=body, headers={"X-API-Key": self._key})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())["items"]
        except urllib.error.HTTPError as error:
            with error:
                return f"{error.code} {error.read()[:200]!r}"
        except OSError as error:
            return str(error)
