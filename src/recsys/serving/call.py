"""One request to the product's port: what came, and what becomes known of it on its way to an answer."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from recsys.serving.credentials import Everything, Headers
from recsys.serving.hosted import View

if TYPE_CHECKING:
    from recsys.serving.answering import Answered

__all__ = ["Call", "Reply"]

_MAX_CLIENT_ID = 128


class Reply(msgspec.Struct, frozen=True):
    """An answer on its way out."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Call:
    """One request. ``tenant``, the ``view`` it is answered from and the ``answers`` are empty until they are known."""

    __slots__ = (
        "answers",
        "client_id",
        "every",
        "header",
        "method",
        "path",
        "read_body",
        "request_id",
        "started",
        "tenant",
        "view",
    )

    def __init__(  # noqa: PLR0917 - made in one place, on the hot path
        self,
        method: str,
        path: str,
        header: Headers,
        read_body: Callable[[], Awaitable[bytes]],
        request_id: str,
        client_id: str | None,
        every: Everything | None,
    ) -> None:
        self.started = time.perf_counter()
        self.method, self.path, self.header, self.read_body = method, path, header, read_body
        self.request_id, self.every = request_id, every
        if client_id is not None and not (len(client_id) <= _MAX_CLIENT_ID and client_id.isprintable()):
            client_id = None
        self.client_id = client_id
        self.tenant: str | None = None
        self.view: View | None = None
        self.answers: Sequence[Answered] = ()
