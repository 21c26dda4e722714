"""The log of a process of the service: how it is set up, and how its lines reach standard error.

A full disk, a closed terminal or a reader that stands still costs lines, never an answer: a thread writes them.
"""

import contextlib
import logging
import os
import queue
import select
import sys
import threading
from types import TracebackType

from recsys.serving.log_lines import JsonLines, TextLines
from recsys.serving.settings import Settings

__all__ = ["Lines", "set_up_log"]

_OURS = ("recsys", "__main__")
_MOST_WAITING = 4_096
"""Lines that may wait for a reader that stands still: some MB."""
_FLUSH_S = 1.0
"""Longest a process that ends waits for its last lines."""
_STDERR = 2

_log = logging.getLogger(__name__)


def set_up_log(settings: Settings, *, process: str) -> None:
    """Let this process say what it has to say, as the settings have it.

    Ours is told from the level that was chosen, what libraries say from ``warning``. An error that nobody caught is a
    line of the log too.
    """
    _hold_descriptors()
    logging.raiseExceptions = False
    lines = Lines(_STDERR)
    lines.setFormatter(JsonLines(process) if settings.log_format == "json" else TextLines(process))
    root = logging.getLogger()
    for before in [handler for handler in root.handlers if isinstance(handler, Lines)]:
        root.removeHandler(before)
    root.addHandler(lines)
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    root.setLevel(max(level, logging.WARNING))
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda said: _log.critical(
        "thread %s ended with an error", said.thread and said.thread.name, exc_info=said.exc_value
    )


class Lines(logging.Handler):
    """Writes whole lines to a descriptor, in a thread. When too many wait, new ones are dropped, and counted in a line
    of their own once there is room.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._waiting: queue.SimpleQueue[bytes | threading.Event] = queue.SimpleQueue()
        self._dropped = 0
        self._torn = False
        threading.Thread(target=self._work, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record, and return at once."""
        if self._waiting.qsize() >= _MOST_WAITING:
            self._dropped += 1
            return
        with contextlib.suppress(Exception):  # a record that cannot be written is no reason to fail
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                said = (f"{dropped} lines before this one were lost: nobody took them",)
                self._put(logging.LogRecord(__name__, logging.WARNING, __file__, 0, "%s", said, None))
            self._put(record)

    def flush(self) -> None:
        """Wait until what waits is written, but not for long. Called by ``logging`` when the process ends."""
        written = threading.Event()
        self._waiting.put(written)
        written.wait(_FLUSH_S)

    def _put(self, record: logging.LogRecord) -> None:
        self._waiting.put(self.format(record).encode("utf-8", "backslashreplace") + b"\n")

    def _work(self) -> None:
        while True:
            one = self._waiting.get()
            if isinstance(one, bytes):
                self._write(one)
            else:
                one.set()

    def _write(self, line: bytes) -> None:
        rest = memoryview(b"\n" + line if self._torn else line)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # somebody has made the terminal so
                    select.select([], [self._descriptor], [], 1.0)
            self._torn = False
        except OSError:
            self._torn = self._torn or len(rest) < len(line)


def _hold_descriptors() -> None:
    """Put something where standard output and error are missing: the next file that is opened would stand there."""
    for descriptor in (1, _STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, descriptor)
            os.set_inheritable(descriptor, True)
            if nothing != descriptor:
                os.close(nothing)


def _uncaught(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, _trace)
    else:
        _log.critical("this process ended with an error", exc_info=error)
