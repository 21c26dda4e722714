"""``recsys serve``: listens, starts what answers, follows and administers, and replaces what dies.

It does nothing else, so that nothing else can bring it down. Its children end when it does.
"""

import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import IO

from recsys.encoding import canonical
from recsys.errors import Failed
from recsys.serving.clock import since_boot
from recsys.serving.counters import read_counters
from recsys.serving.host_state import Places
from recsys.serving.processes import Child, Processes
from recsys.serving.role import Role, begin, environment_of
from recsys.serving.settings import Settings
from recsys.serving.stopping import Stopping

__all__ = ["serve"]

_log = logging.getLogger(__name__)

_OPERATORS = "recsys.console.process"
"""The program of the operators' port. It is put together above this room, which starts it by name (docs/adr/0010)."""
_LOOK_S = 0.02
_BACKLOG = 2048
_SHORT_LIFE_S = 2.0
"""A child that dies younger is started again after a pause that doubles, up to ``_LONGEST_PAUSE_S``."""
_LONGEST_PAUSE_S = 5.0
_BOOT_S = 900.0
"""A worker hashes all it serves before its first tick: at 100 MB a second, this is 90 GB."""


def serve(settings: Settings, *, say: Callable[[str], None] = lambda _: None) -> None:
    """Serve until SIGTERM or Ctrl-C, then let open requests finish.

    Parameters
    ----------
    say
        Told where we listen, once.

    Raises
    ------
    Failed
        When a port is taken, or another service uses the same host directory.
    """
    places = Places(settings.host_path)
    places.root.mkdir(parents=True, exist_ok=True)
    with (
        _alone(places),
        _listen(settings.host, settings.port) as product,
        _listen(settings.admin_host, settings.admin_port) as admin,
    ):
        supervisor = _Supervisor(settings, places, product=product, admin=admin)
        operators = supervisor.url(admin)
        say(
            f"answering on {supervisor.url(product)}, operators on {operators}, with the console at {operators}/console"
        )
        supervisor.run()


class _Managed:
    """A child that is to be there. One that ``finishes`` has work to do when it is told to stop, however young."""

    def __init__(self, name: str, module: str, listening: socket.socket | None, *, finishes: bool = False) -> None:
        self.name, self.module, self.listening, self.finishes = name, module, listening, finishes
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = -1
        self.started_at = 0.0
        self.start_at = 0.0
        self.pause_s = 0.0
        self.strikes = 0


class _Supervisor:
    def __init__(self, settings: Settings, places: Places, *, product: socket.socket, admin: socket.socket) -> None:
        self._settings, self._places = settings, places
        self._product, self._admin = product, admin
        self._run = uuid.uuid4().hex
        self._children = [_Managed("follower", "recsys.serving.follower", None, finishes=True)]
        self._children += [
            _Managed(f"worker-{number}", "recsys.serving.worker", product) for number in range(settings.workers)
        ]
        self._children.append(_Managed("admin", _OPERATORS, admin))
        self._looked_at = 0.0

    @staticmethod
    def url(listening: socket.socket) -> str:
        host, port = listening.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self) -> None:
        stopping = Stopping(signal.SIGTERM, signal.SIGINT)
        try:
            while not stopping.wait(_LOOK_S):
                self._look()
        finally:
            self._stop()

    def _look(self) -> None:
        now = since_boot()
        changed = False
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._note_death(child, now)
            if child.process is None and now >= child.start_at:
                self._start(child, now)
                changed = True
        if changed:
            self._write()
        if now - self._looked_at > self._settings.hung_s / 3:
            self._looked_at = now
            self._kill_hung(now)

    def _note_death(self, child: _Managed, now: float) -> None:
        assert child.process is not None
        _log.warning("%s ended with %s; it is replaced", child.name, child.process.returncode)
        child.process = None
        short = now - child.started_at < _SHORT_LIFE_S
        child.pause_s = min(max(0.1, child.pause_s * 2), _LONGEST_PAUSE_S) if short else 0.0
        child.start_at = now + child.pause_s

    def _start(self, child: _Managed, now: float) -> None:
        fd = child.listening.fileno() if child.listening is not None else -1
        role = Role(name=child.name, run=self._run, parent=os.getpid(), settings=self._settings, socket=fd)
        with _held_back(signal.SIGTERM) if child.finishes else nullcontext():
            child.process = subprocess.Popen(
                [sys.executable, "-m", child.module],
                env=environment_of(role),
                stdin=subprocess.DEVNULL,
                pass_fds=[fd] if fd >= 0 else [],
            )
        child.restarts += 1
        child.started_at = now
        child.strikes = 0

    def _kill_hung(self, now: float) -> None:
        """Kill a worker whose loop stands still; twice seen, because the machine may have slept between.

        One that has not ticked since its start verifies its files and is left its time.
        """
        ticks = {
            series.labels["worker"]: series.values[0]
            for series in read_counters(self._places.counters.glob("*.cells"))
            if series.name == "recsys_worker_tick"
        }
        for child in self._children:
            if child.name not in ticks or child.process is None:
                continue
            up = ticks[child.name] > child.started_at
            quiet_s = now - (ticks[child.name] if up else child.started_at)
            child.strikes = child.strikes + 1 if quiet_s > (self._settings.hung_s if up else _BOOT_S) else 0
            if child.strikes >= 2:
                _log.error("%s stood still for %.0f s and is killed", child.name, quiet_s)
                child.process.kill()

    def _write(self) -> None:
        host, port = self._product.getsockname()[:2]
        admin_host, admin_port = self._admin.getsockname()[:2]
        processes = Processes(
            supervisor=os.getpid(),
            run=self._run,
            host=host,
            port=port,
            admin_host=admin_host,
            admin_port=admin_port,
            children={
                child.name: Child(pid=child.process.pid, restarts=child.restarts)
                for child in self._children
                if child.process is not None
            },
        )
        fresh = self._places.processes.with_suffix(".new")
        try:
            fresh.write_bytes(canonical(processes))
            fresh.replace(self._places.processes)
        except OSError as error:
            _log.warning("processes.json was not written: %s", error)

    def _stop(self) -> None:
        """Let workers finish first: the follower then ships what they wrote, and is there to do it."""
        self._product.close()
        workers = [child for child in self._children if child.module.endswith("worker")]
        others = [child for child in self._children if child not in workers]
        _end(workers, self._settings.drain_s + 1.0)
        for child in others:
            if child.finishes and (child.process is None or child.process.poll() is not None):
                self._start(child, since_boot())
        _end(others, max(5.0, self._settings.drain_s))
        with suppress(OSError):
            self._places.processes.unlink()


@contextmanager
def _held_back(number: signal.Signals) -> Iterator[None]:
    """Start children in here to whom a signal comes only when they ask for it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (number,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(children: Iterable[_Managed], patience_s: float) -> None:
    running = [child.process for child in children if child.process is not None]
    for process in running:
        process.terminate()
    until = time.monotonic() + patience_s
    for process in running:
        try:
            process.wait(max(0.01, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise Failed(
            f"cannot listen on {host}:{port}: {error.strerror}", next_step="choose another port, or stop who has it"
        ) from None
    listening.setblocking(False)
    return listening


def _alone(places: Places) -> IO[bytes]:
    lock = places.lock.open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise Failed(
            f"another service uses {places.root}", next_step="stop it, or give this one its own RECSYS_HOST_DIR"
        ) from None
    return lock


if __name__ == "__main__":
    serve(begin().settings)
