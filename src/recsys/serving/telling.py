"""How the workers of a host tell each other what visitors just did, so that each has the same tail.

Each listens on a datagram socket in a folder that only this service's user may enter, and tells everybody in it, itself
too: one way in, for what it accepted and for what others did. Nobody waits for it. What a full queue or a slow sibling
does not take is lost to the tail, and to nothing else: the events are on the disk by then.

Not by following the spool: its files lie by tenant, and looking for new ones costs a look at every tenant's folders.
"""

import logging
import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from recsys.events import Interaction, Outcome
from recsys.serving.tail import Happened, Tail, happened

__all__ = ["Telling"]

_log = logging.getLogger(__name__)

_AT_ONCE = 64
"""Events in one datagram: 150 kB where all names are of the longest that are taken; a socket holds 200 kB."""
_WAITING = 10_000
"""Posts that may wait to be told."""
_PATIENCE_US = 100_000
"""Longest a sibling with a full queue is waited for; it is behind, and would rather have the next."""
_SWEEP_S = 1.0

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Happened]).decode

_Post = tuple[str, str, Sequence[Outcome | Interaction]]


class Telling:
    """Tells, and fills a tail with what is told. Two threads, from :meth:`start` to :meth:`close`.

    Parameters
    ----------
    folder
        Where the workers of this host listen; made when absent.
    name
        This worker's; another socket of that name is of one that died.
    """

    def __init__(self, folder: Path, name: str, tail: Tail, *, wall: Callable[[], float] = time.time) -> None:
        self._folder, self._name, self._tail, self._wall = folder, name, tail, wall
        self._posts: queue.SimpleQueue[_Post | None] = queue.SimpleQueue()
        self._ended = False
        self._threads: list[threading.Thread] = []
        self._place = -1
        self._ear: socket.socket | None = None

    def start(self) -> None:
        """Begin to listen and to tell. Where the disk does not let us, there is no tail, and that is logged."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / self._name).unlink(missing_ok=True)
            self._place = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._ear.bind(self._address(self._name))
        except OSError as error:
            _log.warning("this worker has no tail of events: %s", error)
            self._release()
            return
        self._ear.settimeout(_SWEEP_S)
        for work in (self._listen, self._speak):
            thread = threading.Thread(target=work, name=work.__name__.strip("_"), daemon=True)
            thread.start()
            self._threads.append(thread)

    def tell(self, tenant: str, key_id: str, events: Sequence[Outcome | Interaction]) -> None:
        """Tell all workers of events that were accepted; returns at once."""
        if self._threads and self._posts.qsize() < _WAITING:
            self._posts.put((tenant, key_id, events))

    def close(self) -> None:
        """Stop telling and listening; nobody tells this one any more."""
        self._ended = True
        if self._place >= 0:
            with suppress(OSError):
                os.unlink(self._name, dir_fd=self._place)
        self._posts.put(None)
        for thread in self._threads:
            thread.join(2 * _SWEEP_S)
        self._release()

    def _listen(self) -> None:
        assert self._ear is not None
        swept = self._wall()
        while not self._ended:
            try:
                told = _decode(self._ear.recv(1 << 18))
            except TimeoutError:
                told = []
            except msgspec.DecodeError as error:
                _log.warning("what a worker of another version told was not understood: %s", error)
                continue
            now = self._wall()
            self._tail.take(told, now=now)
            if abs(now - swept) >= _SWEEP_S:
                swept = now
                self._tail.sweep(now=now)

    def _speak(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
            # the kernel's own timeout: Python's would spin, because a socket without a peer is always writable
            mouth.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, _PATIENCE_US))
            post = self._posts.get()
            while post is not None:
                told = happened(*post)
                while told and self._posts.qsize() and len(told) < _AT_ONCE:
                    more = self._posts.get()
                    if more is None:
                        return
                    told += happened(*more)
                for first in range(0, len(told), _AT_ONCE):
                    self._tell_all(mouth, _encode(told[first : first + _AT_ONCE]))
                post = self._posts.get()

    def _tell_all(self, mouth: socket.socket, data: bytes) -> None:
        for name in os.listdir(self._place):  # noqa: PTH208 - of an open folder
            try:
                mouth.sendto(data, self._address(name))
            except OSError:  # it died, or is behind
                continue

    def _address(self, name: str) -> str:
        """Name a socket by way of the open folder: a whole path may be longer than the 107 bytes an address takes."""
        return f"/proc/self/fd/{self._place}/{name}"

    def _release(self) -> None:
        if self._ear is not None:
            self._ear.close()
            self._ear = None
        if self._place >= 0:
            os.close(self._place)
            self._place = -1
