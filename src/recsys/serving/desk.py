"""What one worker does with a request: the routes of the product's port, without the server around them.

The hot path is :meth:`Desk.recommend` (and ``similar``): decode, key check, rank, append, answer. Everything
before the append happens in one go on the loop; the append is the only wait.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from recsys import __version__
from recsys.access import Principal, Right
from recsys.encoding import canonical
from recsys.errors import RecsysError
from recsys.events import Interaction, Outcome, Stream, pseudonymous
from recsys.ranking import RecommendRequest, SimilarRequest
from recsys.ranking import Warning as Notice
from recsys.serving.answering import Answered, PseudonymCache, answer
from recsys.serving.counters import Counters
from recsys.serving.credentials import Headers, identify
from recsys.serving.hosted import Hosted, View
from recsys.serving.ladder import NOTICES, RUNGS
from recsys.serving.problems import Refusal, problem_of, status_of
from recsys.serving.request_ids import RequestIds
from recsys.serving.requests import read_events_body, read_recommend, read_similar
from recsys.serving.settings import Settings

__all__ = ["ROUTES", "Appends", "Desk", "Reply"]

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode

_JSON = ("content-type", "application/json")
_PROBLEM = ("content-type", "application/problem+json")
_GUARD = (("x-content-type-options", "nosniff"), ("cache-control", "no-store"))
_MAX_CLIENT_ID = 128


class Reply(msgspec.Struct, frozen=True):
    """An answer on its way out."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Appends(Protocol):
    """Records lines; a :class:`~recsys.serving.recording.Recorder` does."""

    problem: str

    def append(self, tenant: str, stream: Stream, line: bytes, /) -> Awaitable[bool]:
        """Return whether the line is recorded, as soon as that is known or patience ends."""


class _Call:
    """One request and what is known of it before it is read."""

    __slots__ = ("client_id", "header", "method", "path", "read_body", "request_id", "started")

    def __init__(  # noqa: PLR0917 - made in one place, on the hot path
        self,
        method: str,
        path: str,
        header: Headers,
        read_body: Callable[[], Awaitable[bytes]],
        request_id: str,
        client_id: str | None,
    ) -> None:
        self.started = time.perf_counter()
        self.method, self.path, self.header, self.read_body = method, path, header, read_body
        self.request_id = request_id
        if client_id is not None and not (len(client_id) <= _MAX_CLIENT_ID and client_id.isprintable()):
            client_id = None
        self.client_id = client_id


class _TenantCells:
    """The numbers of one tenant and surface's counters, looked up once."""

    __slots__ = ("empty", "failed", "latency", "rungs", "unrecorded")

    def __init__(self, counters: Counters, *, tenant: str, surface: str, route: str) -> None:
        labels = {"tenant": tenant, "surface": surface, "route": route}
        self.latency = counters.histogram("recsys_answer_seconds", labels)
        self.empty = counters.cell("recsys_answers_empty", labels)
        self.failed = counters.cell("recsys_answers_failed_ranking", labels)
        self.unrecorded = counters.cell("recsys_answers_unrecorded", labels)
        self.rungs = {rung: counters.cell("recsys_answers", {**labels, "rung": rung}) for rung in RUNGS}


class Desk:
    """Answers requests.

    Parameters
    ----------
    exposures, outcomes
        Where events go: the first before an answer, the second to the disk before an acknowledgement.
    wall
        Seconds since 1970.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        hosted: Hosted,
        counters: Counters,
        exposures: Appends,
        outcomes: Appends,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._hosted = hosted
        self._counters = counters
        self._exposures = exposures
        self._outcomes = outcomes
        self._wall = wall
        self._ids = RequestIds()
        self._in_flight = 0
        self._cells: dict[tuple[str, str, str], _TenantCells] = {}
        self._pseudonyms: dict[str, PseudonymCache] = {}
        self._unrecorded: dict[str, int] = {}
        self.draining = False

    async def handle(self, method: str, path: str, header: Headers, read_body: Callable[[], Awaitable[bytes]]) -> Reply:
        """Answer any request to the product's port; never raises but when the task is cancelled."""
        call = _Call(method, path, header, read_body, self._ids.next(), header("x-request-id"))
        try:
            reply = await self._route(call)
        except Refusal as refusal:
            reply = self._refused(refusal, call.request_id)
        except RecsysError as error:
            problem = problem_of(error, call.request_id)
            reply = Reply(status_of(error), [_PROBLEM, *_GUARD], _encode(problem))
        except Exception:
            _log.exception("request %s failed", call.request_id)
            self._counters.cells[self._counters.cell("recsys_failures")] += 1
            reply = self._refused(Refusal(500, "FAILED", "this is our mistake"), call.request_id)
        if call.client_id is not None:
            reply.headers.append(("x-request-id", call.client_id))
        return reply

    def recorded_late(self, tenant: str, answers: int) -> None:
        """Take back that answers were not recorded: the disk took them in the end."""
        self._unrecorded[tenant] = max(0, self._unrecorded.get(tenant, 0) - answers)

    async def _route(self, call: _Call) -> Reply:
        if call.method == "GET":
            return self._get(call.path)
        if call.method != "POST" or call.path not in _POSTS:
            raise _no_route(call.method, call.path)
        if self._in_flight >= self._settings.max_in_flight:
            raise self._busy("OVERLOADED", "this worker has all the requests it takes")
        self._in_flight += 1
        try:
            return await self._post(call)
        finally:
            self._in_flight -= 1

    async def _post(self, call: _Call) -> Reply:
        path = call.path
        if self._hosted.directory.number == 0:
            # Refusing every key would tell clients that theirs are wrong.
            raise self._busy("NOT_READY", "this host has not read its tenants and keys yet")
        right = Right.RECORD if path == "/v1/events" else Right.RECOMMEND
        principal = identify(call.header, self._hosted.directory, right=right, dev_headers=self._settings.dev_headers)
        body = await call.read_body()
        if path == "/v1/events":
            return await self._take_events(principal, body)
        request: RecommendRequest | SimilarRequest
        request = read_similar(body) if path == "/v1/similar" else read_recommend(body)
        if request.context.now is not None and not principal.may(Right.OVERRIDE):
            raise Refusal(403, "FORBIDDEN", "context.now is for operators")
        view = self._view(principal.tenant)
        if request.candidates.exclude_ids:
            _check_excluded(view, request)
        if path == "/v1/recommend/validate":
            return self._validated(view, request)
        lost = self._unrecorded.get(principal.tenant, 0)
        answered = answer(
            view,
            request,
            request_id=call.request_id,
            client_request_id=call.client_id,
            pseudonyms=self._pseudonyms_of(principal.tenant),
            confirm_s=self._settings.confirm_s,
            started=call.started,
            now=self._wall(),
            unrecorded=lost,
        )
        self._unrecorded.pop(principal.tenant, None)  # its line tells them: nothing waits between the two
        recorded = await self._exposures.append(principal.tenant, "exposures", answered.line)
        if not recorded:
            self._unrecorded[principal.tenant] = self._unrecorded.get(principal.tenant, 0) + lost + 1
        cells = self._cells_of(view, request.surface, path)
        self._count(cells, answered, recorded=recorded, seconds=time.perf_counter() - call.started)
        return Reply(200, [_JSON, *_GUARD], answered.body)

    async def _take_events(self, principal: Principal, body: bytes) -> Reply:
        cache = self._pseudonyms_of(principal.tenant)
        events = _posted(body)
        outcomes = [pseudonymous(e, of=cache.of, key_id=cache.key_id) for e in events if isinstance(e, Outcome)]
        others = [pseudonymous(e, of=cache.of, key_id=cache.key_id) for e in events if isinstance(e, Interaction)]
        waits = []
        if outcomes:
            waits.append(self._outcomes.append(principal.tenant, "outcomes", _lines(outcomes)))
        if others:
            waits.append(self._outcomes.append(principal.tenant, "interactions", _lines(others)))
        done = all([await wait for wait in waits])
        if not done:
            raise self._busy("NOT_DURABLE", "the events are not on the disk", next_step="send the same ones again")
        cell = self._counters.cell("recsys_events_accepted", {"tenant": principal.tenant})
        self._counters.cells[cell] += len(events)
        return Reply(200, [_JSON, *_GUARD], _encode({"accepted": len(events)}))

    def _validated(self, view: View, request: RecommendRequest | SimilarRequest) -> Reply:
        notices: list[Notice] = list(NOTICES[view.rung(confirm_s=self._settings.confirm_s)])
        snapshot = view.snapshot
        if snapshot is not None:
            if snapshot.shelf(request.surface, request.segment) is None:
                notices.append(Notice("UNKNOWN_SURFACE", f"this tenant has no surface {request.surface!r}"))
            max_k = snapshot.config.at(request.surface).limits.max_k
            if request.k > max_k:
                notices.append(Notice("K_CLAMPED", f"k is {request.k}, and {max_k} is the most here"))
                request = msgspec.structs.replace(request, k=max_k)
        return Reply(200, [_JSON, *_GUARD], canonical({"request": _whole(request), "warnings": notices}))

    def _view(self, tenant: str) -> View:
        view = self._hosted.view(tenant)
        if view is None:
            raise self._busy(
                "NO_RELEASE",
                f"tenant {tenant} has no release on this host yet",
                next_step="ship one, then ask again",
            )
        return view

    def _count(self, cells: _TenantCells, answered: Answered, *, recorded: bool, seconds: float) -> None:
        values = self._counters.cells
        values[cells.rungs[answered.rung]] += 1.0
        self._counters.observe(cells.latency, seconds)
        if answered.empty:
            values[cells.empty] += 1.0
        if answered.failed:
            values[cells.failed] += 1.0
        if not recorded:
            values[cells.unrecorded] += 1.0

    def _cells_of(self, view: View, surface: str, path: str) -> _TenantCells:
        if view.facts(surface).manifest_version is None:
            surface = "other"  # a name the release does not know: clients choose those
        cells = self._cells.get((view.tenant, surface, path))
        if cells is None:
            route = path.rpartition("/")[2]
            made = _TenantCells(self._counters, tenant=view.tenant, surface=surface, route=route)
            cells = self._cells[view.tenant, surface, path] = made
        return cells

    def _pseudonyms_of(self, tenant: str) -> PseudonymCache:
        of_now = self._hosted.directory.tenant(tenant).pseudonyms
        cache = self._pseudonyms.get(tenant)
        if cache is None or cache.key_id != of_now.key_id:
            cache = self._pseudonyms[tenant] = PseudonymCache(of_now)
        return cache

    def _get(self, path: str) -> Reply:
        if path == "/healthz":
            return Reply(200, [_JSON, *_GUARD], b'{"status":"up"}')
        if path == "/version":
            return Reply(200, [_JSON, *_GUARD], _encode({"version": __version__}))
        if path == "/readyz":
            missing = self._unready()
            body = {"ready": not missing, "reasons": missing}
            return Reply(503 if missing else 200, [_JSON, *_GUARD], _encode(body))
        raise _no_route("GET", path)

    def _unready(self) -> list[str]:
        if self.draining:
            return ["this worker is shutting down"]
        if not self._hosted.loaded:
            return ["no release has been seen yet"]
        if self._hosted.directory.number == 0:
            return ["tenants and keys have not been read yet"]
        return [
            f"tenant {tenant} cannot be answered for"
            for tenant, view in self._hosted.views.items()
            if view.snapshot is None and view.floor is None
        ]

    def _busy(self, code: str, detail: str, *, next_step: str = "") -> Refusal:
        return Refusal(503, code, detail, next_step=next_step, retry_after_s=self._settings.retry_after_s)

    def _refused(self, refusal: Refusal, request_id: str) -> Reply:
        cell = self._counters.cell("recsys_refusals", {"code": refusal.code})
        self._counters.cells[cell] += 1
        headers = [_PROBLEM, *_GUARD]
        if refusal.retry_after_s:
            headers.append(("retry-after", str(refusal.retry_after_s)))
        return Reply(refusal.status, headers, _encode(refusal.problem(request_id)))


_POSTS = frozenset(("/v1/recommend", "/v1/recommend/validate", "/v1/similar", "/v1/events"))
_GETS = frozenset(("/healthz", "/readyz", "/version"))
ROUTES = frozenset({f"POST {path}" for path in _POSTS} | {f"GET {path}" for path in _GETS})
"""Every route of the product's port; the reference page is tested against it."""


def _no_route(method: str, path: str) -> Refusal:
    if path in _POSTS or path in _GETS:
        return Refusal(405, "METHOD", f"{path} takes {'POST' if path in _POSTS else 'GET'}, not {method[:16]}")
    return Refusal(404, "NO_ROUTE", f"there is nothing at {path[:120]}")


def _check_excluded(view: View, request: RecommendRequest | SimilarRequest) -> None:
    """Keep to the tenant's own limit, which may be tighter than ours."""
    if view.snapshot is None:
        return
    most = view.snapshot.config.at(request.surface).limits.max_exclude_ids
    if len(request.candidates.exclude_ids) > most:
        found = len(request.candidates.exclude_ids)
        raise Refusal(422, "INVALID", f"candidates.exclude_ids has {found} ids, at most {most} are taken here")


def _posted(body: bytes) -> list[Outcome | Interaction]:
    events = read_events_body(body)
    if any(event.key_id is not None for event in events):
        raise Refusal(422, "INVALID", "key_id is ours to set: post raw ids", next_step="leave key_id out")
    return events


def _lines(events: Sequence[Outcome | Interaction]) -> bytes:
    return b"".join(_encode(event) + b"\n" for event in events)


def _whole(request: RecommendRequest | SimilarRequest) -> object:
    """Show a request with every default filled in."""
    return {name: _plain(getattr(request, name)) for name in request.__struct_fields__}


def _plain(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value
