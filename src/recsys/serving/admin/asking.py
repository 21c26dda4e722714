"""What every route of the operators' port shares: the words of its parameters, and how a body is read."""

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, ParamSpec, TypeVar

import litestar
import msgspec
from litestar.datastructures import State
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from recsys.access import Principal, Right
from recsys.encoding import Invalid, decode
from recsys.releases import Attempt, Releases
from recsys.releases.attempt import MAX_KEY
from recsys.serving.depth import check_depth
from recsys.serving.office import Office
from recsys.serving.problems import Refusal
from recsys.store.names import NAME_PATTERN

__all__ = [
    "MAX_REASON",
    "DryRun",
    "Key",
    "Match",
    "Reason",
    "Request",
    "Surface",
    "Tenant",
    "aside",
    "attempt_of",
    "given",
    "office_of",
    "order",
    "pull",
    "said",
    "see",
]

MAX_REASON = 4_000
"""Characters. A reason stands in every listing of releases; a longer text is a report, and goes in as evidence."""

Request = litestar.Request[Any, Any, State]
Tenant = Annotated[str, PathParameter(description="The tenant; the credentials must be for it.")]
Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=MAX_KEY,
        description="Any text: the same change with the same key is made once, however often it is sent.",
    ),
]
Match = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description="The ETag that was read: 409 when the document is another by now, or was in between.",
    ),
]
Reason = Annotated[str, QueryParameter(max_length=MAX_REASON, description="Why, for the record.")]
DryRun = Annotated[bool, QueryParameter(description="Plan and check everything, write nothing.")]
Surface = Annotated[
    str | None, QueryParameter(pattern=NAME_PATTERN, description="One surface; left out, all of the tenant.")
]

_THREADS = 32
"""What takes long waits in lines that let a few in (``operations.turn``): more threads than all those lines hold, and
enough left for health, signing in and the levers. Python's own would be six on a host of two cores.
"""
_beside = ThreadPoolExecutor(_THREADS, thread_name_prefix="aside")

_P = ParamSpec("_P")
_T = TypeVar("_T")


def aside(handle: Callable[_P, _T]) -> Callable[_P, Awaitable[_T]]:
    """Let a handler that reads and writes run beside the loop, in threads that nothing else uses.

    Litestar's ``sync_to_thread`` wraps a handler again for every other one on its path, and then answers with a
    coroutine.
    """

    @functools.wraps(handle)
    async def run(*args: _P.args, **named: _P.kwargs) -> _T:
        call = functools.partial(contextvars.copy_context().run, handle, *args, **named)
        return await asyncio.get_running_loop().run_in_executor(_beside, call)

    return run


def said(*, takes: Any = None, gives: Any = None, **more: Any) -> dict[str, Any]:
    """Return what a route says of itself beyond its signature: the ``opt`` of its handler.

    Parameters
    ----------
    takes, gives
        The type of the body that comes and of the one that goes; ``None``: as the handler's signature says, or none.
    more
        ``media``, ``headers``, ``open``: the media type of the answer, headers it bears, and whether credentials are
        needed.
    """
    return {"takes": takes, "gives": gives, **more}


def office_of(request: Request) -> Office:
    """Return what the handlers of this process share."""
    office: Office = request.app.state.office
    return office


def order(body: bytes, kind: type[_T]) -> _T:
    """Read a body; 400 for what is not JSON, 422 for JSON that means nothing, with the nearest right name."""
    try:
        return decode(body, kind, what="body")
    except Invalid as error:
        problem = given(body) or Refusal(422, "INVALID", error.message, next_step=error.next_step)
        raise problem from None


def given(body: bytes) -> Refusal | None:
    """Return what is wrong with a body as JSON, if anything; raises what :func:`check_depth` does."""
    check_depth(body)
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
        bytes(body).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Refusal(400, "BAD_JSON", f"the body is not JSON: {error}")
    return None


def see(request: Request, tenant: str, right: Right = Right.READ) -> tuple[Principal, Releases]:
    """Return who asks and the tenant's releases, if they may look."""
    office = office_of(request)
    principal = office.admit(request.headers.get, tenant=tenant, right=right)
    return principal, office.releases(principal)


def pull(request: Request, tenant: str) -> Releases:
    """Return the tenant's releases to who may change them."""
    return see(request, tenant, Right.CHANGE)[1]


def attempt_of(key: str | None) -> Attempt | None:
    """Return the try that an idempotency key names."""
    return None if key is None else Attempt.of_key(key)
