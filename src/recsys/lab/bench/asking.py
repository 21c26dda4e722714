"""Clients that ask a service again and again, and remember when each generation was last seen."""

import asyncio
import threading
import time
from types import TracebackType
from typing import Self

import msgspec

from recsys.errors import Failed

__all__ = ["Asking"]

_PAUSE_S = 0.01


class _Meta(msgspec.Struct):
    generation: int


class _Seen(msgspec.Struct):
    meta: _Meta


class Asking:
    """Context manager: ``clients`` that ask for recommendations, each time on a new connection, so that every worker
    is asked.

    ``answers`` and ``errors`` count while it runs.
    """

    def __init__(self, *, port: int, secret: str, clients: int, body: bytes) -> None:
        self._port = port
        self._clients = clients
        head = f"POST /v1/recommend HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {secret}\r\nconnection: close\r\n"
        self._wire = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
        self._last: dict[int, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._ask_all()), name="asking", daemon=True)
        self.answers = 0
        self.errors = 0

    def last_before(self, generation: int, *, quiet_s: float, deadline_s: float) -> float:
        """Wait until nothing older than ``generation`` was answered for ``quiet_s``.

        Returns
        -------
        float
            ``time.perf_counter()`` of the last older answer.
        """
        until = time.perf_counter() + deadline_s
        while time.perf_counter() < until:
            older = max((at for of, at in list(self._last.items()) if of < generation), default=0.0)
            if generation in self._last and time.perf_counter() - older > quiet_s:
                return older
            time.sleep(_PAUSE_S)
        raise Failed(f"generation {generation} did not come within {deadline_s:g} s", next_step="see: recsys status")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    async def _ask_all(self) -> None:
        await asyncio.gather(*(self._ask() for _ in range(self._clients)))

    async def _ask(self) -> None:
        while not self._ended.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(self._wire)
                reply = await reader.read()
                writer.close()
                await writer.wait_closed()
                self._note(reply)
            except (OSError, msgspec.MsgspecError):
                self.errors += 1
            await asyncio.sleep(_PAUSE_S)

    def _note(self, reply: bytes) -> None:
        head, _, body = reply.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            self.errors += 1
            return
        self.answers += 1
        self._last[msgspec.json.decode(body, type=_Seen).meta.generation] = time.perf_counter()
