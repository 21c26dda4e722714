"""Two ways to send and wait. What to send, and what to make of the answer, stands in :mod:`recsys.client.core`."""

import time
import urllib.parse
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, TypeVar

from recsys import __version__
from recsys.client.asking import BatchRequest, EventsRequest, RecommendRequest, SimilarRequest
from recsys.client.core import Core
from recsys.client.fallback import Fallback
from recsys.client.patience import Lost, Patience, Reply, Steps, Try
from recsys.errors import UsageError

if TYPE_CHECKING:
    from types import TracebackType

    import httpx2

__all__ = ["AsyncClient", "Client"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class _Opened(ABC):
    """What the two have in common: the address, the credentials in their header, and the calls.

    Parameters
    ----------
    base_url
        Of the product's port, ``http://127.0.0.1:8000``; a path in it comes before every route.
    api_key, token
        Exactly one: an API key of role client, or a JWT.
    timeout_s
        Of one try.
    deadline_s
        Of a call, its tries and waits together.
    retries
        Most tries after the first, of what another try may change: no connection, 429, 502, 503, 504.
    fallback
        Item ids by surface, for when the service cannot be had. Surfaces it lacks are answered by what the service last
        said when it was asked for nobody in particular, so ``{}`` asks for that alone. ``None``: no fallback.

    Raises
    ------
    UsageError
        An argument that means nothing.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        token: str | None = None,
        timeout_s: float = 1.0,
        deadline_s: float = 3.0,
        retries: int = 2,
        fallback: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        if timeout_s <= 0 or deadline_s <= 0 or retries < 0:
            raise UsageError("timeout_s and deadline_s must be above 0, and retries at least 0")
        self._base_url = _address(base_url)
        self._headers = {**_credentials(api_key, token), "Content-Type": "application/json", "User-Agent": _AGENT}
        patience = Patience(timeout_s=timeout_s, deadline_s=deadline_s, retries=retries)
        self._core = Core(self._base_url, patience, None if fallback is None else Fallback(fallback))
        self._open()

    @abstractmethod
    def _open(self) -> None:
        """Load the HTTP library and make its client."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r})"


_AGENT = f"recsys-client/{__version__}"


def _waiting(kind: Callable[P, R], call: Callable[[Core, R], Steps[T]]) -> Callable[Concatenate["Client", P], T]:
    """Make a method that waits from a call of the core; its arguments are the fields of ``kind``."""

    def run(self: "Client", /, *args: P.args, **fields: P.kwargs) -> T:
        return self._run(call(self._core, kind(*args, **fields)))

    run.__name__, run.__doc__ = call.__name__, call.__doc__
    return run


def _awaited(
    kind: Callable[P, R], call: Callable[[Core, R], Steps[T]]
) -> Callable[Concatenate["AsyncClient", P], Awaitable[T]]:
    """Make a method that is awaited, as :func:`_waiting` makes one that waits."""

    async def run(self: "AsyncClient", /, *args: P.args, **fields: P.kwargs) -> T:
        return await self._run(call(self._core, kind(*args, **fields)))

    run.__name__, run.__doc__ = call.__name__, call.__doc__
    return run


class Client(_Opened):
    """Asks the service, and waits. A context manager; threads may share one, processes may not.

    A call takes ``deadline_s`` at most, and one ``timeout_s`` more where the body of an answer stops half-way. Only
    headers sent byte by byte for ever would hold it longer; :class:`AsyncClient` is bounded against these too.
    """

    recommend = _waiting(RecommendRequest, Core.recommend)
    recommend_batch = _waiting(BatchRequest, Core.recommend_batch)
    validate = _waiting(RecommendRequest, Core.validate)
    similar = _waiting(SimilarRequest, Core.similar)
    record_events = _waiting(EventsRequest, Core.record_events)

    def _open(self) -> None:
        import httpx2

        self._http = httpx2.Client(base_url=self._base_url, headers=self._headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _run(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                if step.after_s:
                    time.sleep(step.after_s)
                step = steps.send(self._send(step))
        except StopIteration as done:
            result: T = done.value
            return result

    def _send(self, step: Try) -> Reply | Lost:
        import httpx2

        end = time.monotonic() + step.timeout_s
        try:
            with self._http.stream("POST", step.path, content=step.body, timeout=step.timeout_s) as answer:
                body = bytearray()
                for part in answer.iter_bytes():
                    body += part
                    if time.monotonic() > end:
                        return _too_slow(step)
                return _reply(answer, bytes(body))
        except httpx2.TimeoutException:
            return _too_slow(step)
        except httpx2.HTTPError as error:
            return _lost(error)


class AsyncClient(_Opened):
    """Asks the service, and is awaited, on asyncio. An asynchronous context manager; one event loop, one client.

    A call takes ``deadline_s`` at most.
    """

    recommend = _awaited(RecommendRequest, Core.recommend)
    recommend_batch = _awaited(BatchRequest, Core.recommend_batch)
    validate = _awaited(RecommendRequest, Core.validate)
    similar = _awaited(SimilarRequest, Core.similar)
    record_events = _awaited(EventsRequest, Core.record_events)

    def _open(self) -> None:
        import httpx2

        self._http = httpx2.AsyncClient(base_url=self._base_url, headers=self._headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _run(self, steps: Steps[T]) -> T:
        import asyncio

        try:
            step = next(steps)
            while True:
                if step.after_s:
                    await asyncio.sleep(step.after_s)
                step = steps.send(await self._send(step))
        except StopIteration as done:
            result: T = done.value
            return result

    async def _send(self, step: Try) -> Reply | Lost:
        import asyncio

        import httpx2

        try:
            async with asyncio.timeout(step.timeout_s):
                answer = await self._http.post(step.path, content=step.body, timeout=step.timeout_s)
                return _reply(answer, answer.content)
        except (TimeoutError, httpx2.TimeoutException):
            return _too_slow(step)
        except httpx2.HTTPError as error:
            return _lost(error)


def _reply(answer: "httpx2.Response", body: bytes) -> Reply:
    return Reply(status=answer.status_code, body=body, retry_after=answer.headers.get("retry-after", ""))


def _too_slow(step: Try) -> Lost:
    return Lost(why=f"no answer within {step.timeout_s:.3g} s")


def _lost(error: Exception) -> Lost:
    """Say what happened, not how: the error itself holds the request, and with it the credentials."""
    return Lost(why=str(error) or type(error).__name__)


def _credentials(api_key: str | None, token: str | None) -> dict[str, str]:
    given = [secret.strip() for secret in (api_key, token) if secret]
    if len(given) != 1:
        raise UsageError("give api_key or token, one of the two", next_step="recsys keys create --role client")
    if not given[0].isascii() or not given[0].isprintable() or not given[0]:
        # said here, without it: the HTTP library's message would show the secret
        raise UsageError("the credentials have characters that no header takes", next_step="look how they are read")
    return {"X-API-Key": given[0]} if api_key else {"Authorization": f"Bearer {given[0]}"}


def _address(base_url: str) -> str:
    address = urllib.parse.urlsplit(base_url)
    if "@" in address.netloc:
        raise UsageError("base_url holds a user or a password", next_step="give api_key= or token= instead")
    if address.scheme not in ("http", "https") or not address.hostname or address.query or address.fragment:
        raise UsageError(f"base_url {base_url!r} is not the address of a service", next_step="http://127.0.0.1:8000")
    return base_url.rstrip("/")
