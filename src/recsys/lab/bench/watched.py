"""A command in a process of its own, watched: what it took, and the most memory that it and its children held."""

import os
import resource
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import msgspec

from recsys.errors import Failed

__all__ = ["Watched", "watched"]

_LOOK_S = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended. ``seconds``: from its start to its end, on the clock. ``cpu_s``: seconds of cores that it
    and what it waited for used. ``peak_mb``: the most resident memory of all its processes together (pages they share
    count in each), or of one at its height where that is more.
    """

    output: bytes
    seconds: float
    cpu_s: float
    peak_mb: float


def watched(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Watched:
    """Run a command to its end; raises :class:`Failed` with the last it said when it fails."""
    began, used, peak = time.monotonic(), _used(), 0
    with TemporaryFile() as output, TemporaryFile() as errors:
        with ExitStack() as stack:
            with _delayed(signal.SIGINT, signal.SIGTERM):
                process = stack.enter_context(subprocess.Popen(command, stdout=output, stderr=errors, env=environment))
                stack.callback(process.terminate)  # where we are ended; it is over by itself otherwise
            while process.poll() is None:
                peak = max(peak, _held(process.pid))
                time.sleep(_LOOK_S)
        seconds = time.monotonic() - began
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            said = errors.read().decode(errors="replace").strip()
            ended = f"{' '.join(command[:6])} … ended with {process.returncode}"
            raise Failed(f"{ended}: {said[-500:]}", next_step="run it by itself")
        return Watched(output=output.read(), seconds=seconds, cpu_s=_used() - used, peak_mb=peak / 2**20)


@contextmanager
def _delayed(*numbers: signal.Signals) -> Iterator[None]:
    """Let signals that raise come at the block's end: a child that was just started has no name yet to end it by.

    Not by a mask, which the child would inherit. Only the main thread hears signals.
    """
    came: list[int] = []
    hears = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in numbers if hears}
    raising = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in raising:
        signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in raising.items():
            signal.signal(number, handler)
        for heard in came:
            signal.raise_signal(heard)


def _used() -> float:
    """Return the seconds of cores that children of this process used which are over."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def _held(pid: int) -> int:
    """Return the bytes resident in a process and all below it; or the height of the highest, where that is more."""
    family = list(_family(pid))
    return max(sum(map(_resident, family)), max(map(_height, family), default=0))


def _family(pid: int) -> Iterator[int]:
    """Yield a process and all below it."""
    children = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):  # it ended meanwhile
                continue
            children[parent].append(int(entry.name))
    found = [pid]
    while found:
        one = found.pop()
        yield one
        found += children[one]


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _height(pid: int) -> int:
    """Return the most a process was ever seen to hold, by the kernel."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)
