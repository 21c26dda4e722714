"""A profile of a running worker, taken when somebody asks for it: where its time goes, without a restart.

Who asks leaves a file in ``profiles/`` of the host directory. The worker finds it on its tick, samples the thread that
it answers in, goes on answering, and leaves the profile beside it. A profile holds places in the code: nothing of any
request is in it. Nothing of the profiler is loaded before.
"""

import logging
import os
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from recsys.errors import Failed, NotFound, Refused
from recsys.serving.host_state import Places
from recsys.serving.processes import read_processes

if TYPE_CHECKING:
    from pyinstrument import Profiler

__all__ = ["FORMATS", "MOST_S", "Format", "Profiling", "take_profile"]

_log = logging.getLogger(__name__)

Format = Literal["html", "speedscope", "text"]
FORMATS: dict[Format, str] = {
    "html": "text/html; charset=utf-8",
    "speedscope": "application/json",
    "text": "text/plain; charset=utf-8",
}
"""What a profile can be written as, each with its media type: a page that needs no network, for speedscope, lines."""

MOST_S = 60.0
_EVERY_S = 0.001
_PATIENCE_S = 20.0
"""How much longer than the profile itself an answer may take: a busy worker draws a page in seconds."""
_LOOK_S = 0.05


class _Wanted(msgspec.Struct, frozen=True):
    id: str
    seconds: float
    format: Format


class Profiling:
    """The worker's side. Its calls are all made in the thread that is sampled."""

    def __init__(self, places: Places, worker: str) -> None:
        self._folder, self._worker = places.profiles, worker
        self._asked = str(places.profiles / f"{worker}.wanted")
        self._running: tuple[Profiler, _Wanted, float] | None = None
        self._drawing = False

    def look(self) -> None:
        """Begin what is asked for, and end what has run its time. Costs one look at a file when nothing is."""
        if self._running is not None:
            profiler, wanted, until = self._running
            if time.monotonic() >= until:
                self._running = None
                self._drawing = True
                session = profiler.stop()
                threading.Thread(target=self._draw, args=(session, wanted), name="profile", daemon=True).start()
        elif not self._drawing and os.access(self._asked, os.R_OK):
            self._begin()

    def _begin(self) -> None:
        from pyinstrument import Profiler

        try:
            wanted = msgspec.json.decode(Path(self._asked).read_bytes(), type=_Wanted)
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("a request for a profile was not read: %s", error)
            with suppress(OSError):
                Path(self._asked).unlink()
            return
        profiler = Profiler(interval=_EVERY_S, async_mode="disabled")
        profiler.start()
        self._running = profiler, wanted, time.monotonic() + min(wanted.seconds, MOST_S)

    def _draw(self, session: Any, wanted: _Wanted) -> None:
        try:
            text = _renderer(wanted.format).render(session)
            fresh = self._folder / f"{self._worker}.{wanted.id}.new"
            fresh.write_text(text, encoding="utf-8")
            fresh.rename(self._folder / f"{self._worker}.{wanted.id}")
        except OSError as error:
            _log.error("a profile was not written: %s", error)
        finally:
            with suppress(OSError):
                Path(self._asked).unlink()
            self._drawing = False


def _renderer(format: Format) -> Any:
    from pyinstrument.renderers import ConsoleRenderer, HTMLRenderer, SpeedscopeRenderer

    if format == "html":
        return HTMLRenderer()
    return SpeedscopeRenderer() if format == "speedscope" else ConsoleRenderer(unicode=True, color=False)


def take_profile(places: Places, worker: str, *, seconds: float, format: Format) -> bytes:
    """Ask a worker of this host for a profile and wait for it.

    Parameters
    ----------
    worker
        ``worker-0`` and so on.
    seconds
        How long it samples, above 0 and at most :data:`MOST_S`.

    Raises
    ------
    NotFound
        No service runs here, or it has no such worker.
    Refused
        A profile of this worker is being taken.
    Failed
        The worker did not answer: it hangs, or was replaced meanwhile.
    """
    _check_there(places, worker)
    folder = places.profiles
    folder.mkdir(parents=True, exist_ok=True)
    wanted = _Wanted(uuid.uuid4().hex, seconds, format)
    asked = folder / f"{worker}.wanted"
    _clear(folder, worker)
    fresh = folder / f"{worker}.{wanted.id}.asked"
    fresh.write_bytes(msgspec.json.encode(wanted))
    try:
        os.link(fresh, asked)  # whole at once, and only if nobody else asks
    except FileExistsError:
        raise Refused(
            f"{worker} is being profiled already", next_step=f"ask again within {MOST_S + _PATIENCE_S:g} s"
        ) from None
    finally:
        fresh.unlink()
    made = folder / f"{worker}.{wanted.id}"
    try:
        return _waited(made, worker, until=time.monotonic() + seconds + _PATIENCE_S)
    except BaseException:
        with suppress(OSError):
            asked.unlink()
        raise


def _waited(made: Path, worker: str, *, until: float) -> bytes:
    while time.monotonic() < until:
        with suppress(FileNotFoundError):
            found = made.read_bytes()
            made.unlink()
            return found
        time.sleep(_LOOK_S)
    raise Failed(
        f"{worker} made no profile", next_step="it hangs or was replaced meanwhile: see the log, and ask again"
    )


def _check_there(places: Places, worker: str) -> None:
    running = read_processes(places.processes)
    if running is None:
        raise NotFound(
            f"no service runs on {places.root}", next_step="name its directory with --host-dir or RECSYS_HOST_DIR"
        )
    names = sorted(name for name in running.children if name.startswith("worker-"))
    if worker not in names:
        raise NotFound(f"this service has no {worker}", next_step=f"it has: {', '.join(names)}")


def _clear(folder: Path, worker: str) -> None:
    """Remove what nobody fetched, and a request that nobody took in all its time."""
    for left in folder.glob(f"{worker}.*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > MOST_S + _PATIENCE_S:
                left.unlink()
