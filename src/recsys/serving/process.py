"""A service in processes of its own, started and stopped from Python: for the demo, benchmarks, drills and
tests.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from recsys.errors import Failed
from recsys.serving.host_state import Places
from recsys.serving.processes import Processes, read_processes
from recsys.serving.role import Role, environment_of
from recsys.serving.settings import Settings

__all__ = ["ServiceProcess"]

_LOOK_S = 0.01


class ServiceProcess:
    """Context manager around a running service.

    Parameters
    ----------
    settings
        As for :func:`~recsys.serving.supervisor.serve`. With ports 0 it takes free ones; ask ``base_url``.
    log
        Where the processes write what they have to say; ``None``: nowhere.

    Examples
    --------
    ::

        with ServiceProcess(Settings(store="var/store", port=0, admin_port=0)) as service:
            service.wait_ready()
            httpx2.post(f"{service.base_url}/v1/recommend", ...)
    """

    def __init__(self, settings: Settings, *, log: Path | None = None) -> None:
        self.settings = settings
        self.places = Places(settings.host_path)
        self._log = log
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._seen: Processes | None = None

    def start(self, *, timeout_s: float = 20.0) -> None:
        """Start, and wait until it listens. Raises ``Failed`` with the end of its log when it does not."""
        role = Role(name="supervisor", run="", parent=os.getpid(), settings=self.settings)
        out = subprocess.DEVNULL if self._log is None else self._log.open("ab")
        try:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "recsys.serving.supervisor"],
                env=environment_of(role),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # a Ctrl-C meant for the caller is not meant for the service
            )
        finally:
            if not isinstance(out, int):
                out.close()
        self._wait(lambda: self.processes is not None, timeout_s, "did not start to listen")

    def wait_ready(self, *, timeout_s: float = 30.0) -> None:
        """Wait until ``/readyz`` says yes. Raises ``Failed`` when it does not in time."""
        self._wait(lambda: self._status("/readyz") == 200, timeout_s, "did not become ready")

    def stop(self, *, timeout_s: float = 30.0) -> int:
        """Ask it to finish (SIGTERM), wait, and return its exit code; kill it when it does not."""
        if self._supervisor is None:
            return 0
        with suppress(ProcessLookupError):
            self._supervisor.send_signal(signal.SIGTERM)
        try:
            return self._supervisor.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL
        finally:
            self._supervisor = self._seen = None

    def kill(self) -> None:
        """Kill every process of it at once (SIGKILL), as a machine that loses its power would."""
        if self._supervisor is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._supervisor.pid, signal.SIGKILL)  # its own group: see start
        self._supervisor.wait()
        self._supervisor = self._seen = None

    @property
    def processes(self) -> Processes | None:
        """Return who runs now; ``None`` until it listens."""
        found = read_processes(self.places.processes)
        if self._supervisor is None or found is None or found.supervisor != self._supervisor.pid:
            return None
        self._seen = found
        return found

    @property
    def base_url(self) -> str:
        """Return where the product's port is: ``http://127.0.0.1:8000``."""
        seen = self._known()
        return f"http://{seen.host}:{seen.port}"

    @property
    def admin_url(self) -> str:
        """Return where the operators' port is."""
        seen = self._known()
        return f"http://{seen.admin_host}:{seen.admin_port}"

    def pid(self, name: str) -> int:
        """Return the process id of ``follower``, ``admin`` or ``worker-<n>``."""
        processes = self.processes or self._known()
        return processes.children[name].pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _known(self) -> Processes:
        known = self._seen or self.processes
        if known is None:
            raise Failed("the service is not running", next_step="start it first")
        return known

    def _status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.base_url + path, timeout=2) as answer:  # noqa: S310 - our own URL
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def _wait(self, holds: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
        until = time.monotonic() + timeout_s
        while not holds():
            ended = self._supervisor is None or self._supervisor.poll() is not None
            if ended or time.monotonic() > until:
                self.kill()
                raise Failed(f"the service {otherwise}", next_step=self._last_words())
            time.sleep(_LOOK_S)

    def _last_words(self) -> str:
        if self._log is None:
            return "give it a log to see why"
        return "its log ends: " + self._log.read_text(errors="replace")[-2000:]
