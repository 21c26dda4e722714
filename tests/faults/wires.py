"""Wires between a client and a real server that lose replies: one of HTTP, one of PostgreSQL.

Each listens on a port of its own and passes on what comes, but for what its ``strikes`` says; what it struck is
counted.
"""

import contextlib
import enum
import http.client
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Break", "HttpWire", "PostgresWire", "listening"]


class Break(enum.Enum):
    """What becomes of one request."""

    NONE = "it is answered"
    CUT = "it is carried out, and the connection is closed without a reply"
    ERROR = "it is carried out, and answered with 503"
    SLOW = "it is carried out, and answered late"
    HUNG = "no reply comes; it is carried out, over HTTP perhaps only when the client has long gone"
    NEVER = "the connection is closed before the server is asked"


@contextmanager
def listening(server: socketserver.TCPServer) -> Iterator[int]:
    """Serve on a thread for a block; give the port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Wire(socketserver.ThreadingMixIn):
    """Ends with its connections: none is left to a thread that nobody waits for."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, *given: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*given)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)  # type: ignore[misc]

    def cut(self) -> None:
        """Close every connection: who waits for a reply learns that none will come."""
        for request in tuple(self._open):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def server_close(self) -> None:
        self.cut()
        super().server_close()


# -- HTTP


class HttpWire(_Wire, ThreadingHTTPServer):
    """In front of an HTTP server at ``host:port``; ``strikes`` is given the method and the path of each request."""

    def __init__(self, server: str, strikes: Callable[[str, str], Break]) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self._server, self._strikes = server, strikes
        self._turn = threading.Lock()
        self._held: list[Callable[[], object]] = []
        self._delay = 0
        self.slow_s = 0.0
        """How much later what is answered late is answered."""
        self._hurry = threading.Event()
        self.struck = 0

    def cut(self) -> None:
        """Close every connection, and let no slow answer be waited for."""
        self._hurry.set()
        super().cut()
        self._hurry = threading.Event()

    def dawdle(self) -> None:
        """Wait as long as a slow answer takes."""
        self._hurry.wait(self.slow_s)

    def begin(self, *, delay: int) -> None:
        """Let what hangs arrive after ``delay`` more requests."""
        self._delay = delay

    def flush(self) -> None:
        """Let arrive whatever is still on its way."""
        with self._turn:
            held, self._held = self._held, []
        for send in held:
            send()

    def chosen(self, method: str, path: str) -> Break:
        """Choose what becomes of a request, after what is due before it."""
        self._delay -= 1
        if self._delay < 0:
            self.flush()
        kind = self._strikes(method, path)
        self.struck += kind is not Break.NONE
        return kind

    def hold(self, send: Callable[[], object]) -> None:
        """Keep a request for later."""
        with self._turn:
            self._held.append(send)

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Ask the server itself."""
        with contextlib.closing(http.client.HTTPConnection(self._server, timeout=30)) as connection:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            reply = connection.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read()


class _Passing(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body of an answer are two writes
    server: HttpWire

    def _passed(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = self.command, self.path, dict(self.headers.items()), body
        kind = self.server.chosen(self.command, self.path)
        if kind in (Break.NONE, Break.SLOW):
            told = self.server.ask(*asked)
            if kind is Break.SLOW:
                self.server.dawdle()
            self._answer(*told)
        elif kind is Break.ERROR:
            self.server.ask(*asked)
            self._answer(503, {}, b"<Error><Code>ServiceUnavailable</Code></Error>")
        else:
            self.close_connection = True
            if kind is Break.CUT:
                self.server.ask(*asked)
            elif kind is Break.HUNG:
                self.server.hold(lambda: self.server.ask(*asked))
                self.connection.recv(1)  # until the client gives up

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _passed

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        lengths = [value for name, value in headers.items() if name.lower() == "content-length"]
        self.send_header("Content-Length", lengths[0] if lengths and self.command == "HEAD" else str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # a client may go at any time
            super().handle()


# -- PostgreSQL

_COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""The message in which a client asks to commit."""
_READY = b"Z\x00\x00\x00\x05"
"""How the server ends every reply."""


class PostgresWire(_Wire, socketserver.TCPServer):
    """In front of a PostgreSQL server on a Unix socket, for clients without encryption.

    ``strikes`` says of each commit what becomes of it, ``lets_in`` of each new connection whether it comes about.
    """

    def __init__(self, path: str, strikes: Callable[[], Break], lets_in: Callable[[], bool]) -> None:
        super().__init__(("127.0.0.1", 0), _Joining)
        self.path, self._strikes, self.lets_in = path, strikes, lets_in
        self.struck = 0

    def chosen(self) -> Break:
        """Choose what becomes of a commit."""
        kind = self._strikes()
        self.struck += kind is not Break.NONE
        return kind


class _Joining(socketserver.BaseRequestHandler):
    """One connection of a client, joined to one of the server."""

    server: PostgresWire

    def handle(self) -> None:
        if not self.server.lets_in():
            return
        with socket.socket(socket.AF_UNIX) as behind, contextlib.suppress(OSError):
            behind.connect(self.server.path)
            self._join(self.request, behind)

    def _join(self, client: socket.socket, behind: socket.socket) -> None:
        while True:
            for ready in select.select((client, behind), (), ())[0]:
                said = ready.recv(1 << 16)
                if not said:
                    return
                kind = self.server.chosen() if ready is client and _COMMIT in said else Break.NONE
                if kind is Break.CUT:
                    behind.sendall(said)
                    while _READY not in behind.recv(1 << 16):
                        pass
                if kind is Break.HUNG:
                    behind.sendall(said)
                    client.recv(1)  # until the client gives up
                if kind is not Break.NONE:
                    return
                (behind if ready is client else client).sendall(said)
