"""A server on a real socket that does what the real one cannot be made to do: refuse, hang, cut, drip, babble."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

Behaviour = Callable[["socket.socket", threading.Event], None]
"""What to do with a connection whose request has been read; the event is set when the server closes."""


def says(status: int, body: bytes | str, **headers: str) -> Behaviour:
    """Answer, and end the connection."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} so", f"content-length: {len(data)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

    def behave(connection: socket.socket, _closing: threading.Event) -> None:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + data)

    return behave


def hangs(_connection: socket.socket, closing: threading.Event) -> None:
    closing.wait()


def cuts(_connection: socket.socket, _closing: threading.Event) -> None:
    """End the connection without a word."""


def drips(connection: socket.socket, closing: threading.Event) -> None:
    """Send an answer byte by byte, for ever."""
    connection.sendall(b"HTTP/1.1 200 so\r\ncontent-length: 1000000\r\n\r\n")
    while not closing.wait(0.02):
        connection.sendall(b"x")


class TinyServer:
    """Behaves by turns, and goes on with the last; keeps the requests it read."""

    def __init__(self, behaviours: Sequence[Behaviour]) -> None:
        self.requests: list[bytes] = []
        self._behaviours = list(behaviours)
        self._closing = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        self._closing.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._attend, args=(connection,)))
            self._threads[-1].start()

    def _attend(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # a client that has had enough hangs up
            connection.settimeout(10)
            request = _read(connection)
            if request:
                self.requests.append(request)
                turn = min(len(self.requests), len(self._behaviours)) - 1
                self._behaviours[turn](connection, self._closing)


@contextmanager
def tiny_server(*behaviours: Behaviour) -> Iterator[TinyServer]:
    server = TinyServer(behaviours)
    try:
        yield server
    finally:
        server.close()


def _read(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < length:
        part = connection.recv(65536)
        if not part:
            return b""
        body += part
    return head + b"\r\n\r\n" + body
