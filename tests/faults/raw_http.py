"""Requests as no client library sends them: bytes on a socket."""

import random
import socket
import time
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["Raw", "answer_to", "malformed", "oversized", "slow"]


class Raw(NamedTuple):
    """What is sent, piece by piece with a pause between, and the statuses that are an answer to it.

    ``None`` among them: the connection may be closed without a word, where the bytes are no HTTP.
    """

    what: str
    pieces: tuple[bytes, ...]
    answers: frozenset[int | None]
    pause_s: float = 0.0


def answer_to(url: str, raw: Raw, *, timeout_s: float = 30.0) -> int | None:
    """Send it and return the status that came, ``None`` for a connection closed without one."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=timeout_s) as connection:
        try:
            for piece in raw.pieces:
                connection.sendall(piece)
                if raw.pause_s:
                    time.sleep(raw.pause_s)
        except OSError:
            pass  # closed before all was said: what was answered is still to be read
        try:
            head = connection.recv(64)
        except ConnectionError:
            return None
    return int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else None


def _post(path: str, key: str, body: bytes, *more: str, length: int | None = None) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"X-API-Key: {key}", *more]
    if not any(line.lower().startswith("transfer-encoding") for line in more):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def oversized(path: str, key: str, most: int) -> Iterator[Raw]:
    """Bodies past the bound: announced, in chunks, and so deep that a reader of JSON must give up."""
    refused = frozenset((413, None))  # announced, and the socket closed for writing: there is nobody to tell
    yield Raw("announced", (_post(path, key, b"", length=most + 1),), refused)
    yield Raw("announced without end", (_post(path, key, b"", length=10**18),), frozenset((400, 413, None)))
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    begun = _post(path, key, b"", "Transfer-Encoding: chunked")
    yield Raw("in chunks", (begun, *[chunk] * (most // 0x10000 + 2)), frozenset((413,)))
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        for depth in (200, 2_000, 100_000):
            for close in (closing, b""):
                body = opening * depth + (b"1" + close * depth if close else b"")
                if len(body) <= most:
                    yield Raw(f"{depth} deep", (_post(path, key, body),), frozenset((400, 422)))


def malformed(path: str, key: str, body: bytes, seed: int, times: int) -> Iterator[Raw]:
    """A good request with bytes of its body, or of its head, changed at random."""
    choose = random.Random(seed)
    for number in range(times):
        data = bytearray(body)
        for _ in range(choose.randint(1, 4)):
            place = choose.randrange(len(data))
            data[place : place + choose.randint(0, 3)] = choose.randbytes(choose.randint(0, 3))
        yield Raw(f"body {number}", (_post(path, key, bytes(data)),), frozenset((200, 400, 422)))
    good = _post(path, key, body)
    end = good.index(b"\r\n\r\n")
    for number in range(times):
        data = bytearray(good)
        data[choose.randrange(end)] = choose.randrange(256)
        # with the length changed it may wait for more than comes: so the socket is closed for writing by its end
        anything = frozenset((200, 400, 401, 403, 404, 405, 408, 411, 413, 414, 422, 431, 501, 505, None))
        yield Raw(f"head {number}", (bytes(data),), anything)


def slow(path: str, key: str, body: bytes) -> Iterator[Raw]:
    """A body that drips, and one that never comes."""
    head = _post(path, key, b"", length=len(body))
    pieces = tuple(body[at : at + 8] for at in range(0, len(body), 8))
    yield Raw("drips and arrives", (head, *pieces), frozenset((200,)), 0.02)
    yield Raw("never comes", (head, body[:5]), frozenset((408,)))
