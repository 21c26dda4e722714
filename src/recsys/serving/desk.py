"""What one worker does with a request: the routes of the product's port, without the server around them.

The hot path is :meth:`Desk.recommend` (and ``similar``): decode, key check, rank, append, answer. Everything
before the append happens in one go on the loop; the append is the only wait.
"""

import asyncio
import functools
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from recsys import __version__
from recsys.access import Principal, Right
from recsys.encoding import canonical
from recsys.errors import RecsysError
from recsys.events import Interaction, Outcome, Stream, pseudonymous, without_erased
from recsys.ranking import RecommendRequest, SimilarRequest
from recsys.ranking import Warning as Notice
from recsys.serving.answering import Answered, PseudonymCache, answer
from recsys.serving.batching import joined, read_batch, without
from recsys.serving.call import Call, Reply
from recsys.serving.counters import Counters
from recsys.serving.credentials import Everything, Headers, door_of, identify
from recsys.serving.docs_page import DOCS_HEADERS, docs_page
from recsys.serving.guarding import GUARD, Cors
from recsys.serving.hearing import Hearing
from recsys.serving.host_state import Places
from recsys.serving.hosted import Hosted, View
from recsys.serving.ladder import NOTICES
from recsys.serving.log_lines import about
from recsys.serving.permitted import check_permitted
from recsys.serving.problems import Refusal, problem_of
from recsys.serving.rates import TenantRates
from recsys.serving.readiness import Readiness
from recsys.serving.request_ids import RequestIds
from recsys.serving.requests import read_events_body, read_recommend, read_similar, written_out
from recsys.serving.settings import Settings
from recsys.serving.tail import Tail
from recsys.serving.tallies import Tallies

__all__ = ["ROUTES", "Appends", "Desk", "Reply"]

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode

_JSON = ("content-type", "application/json")
_PROBLEM = ("content-type", "application/problem+json")


class Appends(Protocol):
    """Records lines; a :class:`~recsys.serving.recording.Recorder` does."""

    problem: str

    def append(self, tenant: str, stream: Stream, line: bytes, /) -> Awaitable[bool]:
        """Return whether the line is recorded, as soon as that is known or patience ends."""


class Tells(Protocol):
    """Tells the workers of this host what visitors did; a :class:`~recsys.serving.telling.Telling` does."""

    def tell(self, tenant: str, key_id: str, events: Sequence[Outcome | Interaction], /) -> None:
        """Take events that were accepted, and return at once."""


class Watches(Protocol):
    """Tells of requests, in the log or in traces; a :class:`~recsys.serving.watching.Watch` does."""

    def over(self, call: Call, answer: Callable[[Call], Awaitable[Reply]], /) -> Awaitable[Reply]:
        """Answer, and tell of it; raises only what ``answer`` does."""


class Desk:
    """Answers requests.

    Parameters
    ----------
    exposures, outcomes
        Where events go: the first before an answer, the second to the disk before an acknowledgement.
    tail, tells
        What visitors did on this host lately, and who is told of more; without them, nobody's history but their own.
    behind
        As for :class:`~recsys.serving.readiness.Readiness`.
    watch
        Who tells of requests; ``None``: nobody.
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
        tail: Tail | None = None,
        tells: Tells | None = None,
        behind: Callable[[], Iterable[str]] = tuple,
        watch: Watches | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._hosted = hosted
        self._readiness = Readiness(hosted, behind=behind)
        self._counters = counters
        self._exposures = exposures
        self._outcomes = outcomes
        self._tail, self._tells, self._watch = tail, tells, watch
        self._wall = wall
        self._ids = RequestIds()
        self._in_flight = 0
        self._hearing = Hearing(max_in_flight=settings.max_in_flight)
        self._tallies = Tallies(counters)
        counters.cell("recsys_failures")  # there from the start, at 0: an alarm on its growth must see the first
        for status, code in ((503, "OVERLOADED"), (503, "NOT_READY"), (503, "NOT_DURABLE"), (500, "FAILED")):
            self._count_refusal(status, code, 0)
        self._pseudonyms: dict[str, PseudonymCache] = {}
        self._unrecorded: dict[str, int] = {}
        self.draining = False
        self.tokens = door_of(settings.token_rules, Places(settings.host_path))
        self._rates = TenantRates.of(settings)
        self._cors = Cors.of(settings.origins)

    async def handle(
        self,
        method: str,
        path: str,
        header: Headers,
        read_body: Callable[[], Awaitable[bytes]],
        *,
        every: Everything | None = None,
    ) -> Reply:
        """Answer any request to the product's port; never raises but when the task is cancelled."""
        call = Call(method, path, header, read_body, self._ids.next(), header("x-request-id"), every)
        reply = await (self._reply(call) if self._watch is None else self._watch.over(call, self._reply))
        if self._cors is not None:
            reply.headers.extend(self._cors.headers(method, header))
        if call.client_id is not None:
            reply.headers.append(("x-request-id", call.client_id))
        return reply

    async def _reply(self, call: Call) -> Reply:
        try:
            return await self._route(call)
        except Refusal as refusal:
            return self._refused(refusal, call.request_id, tenant=call.tenant)
        except RecsysError as error:
            problem = problem_of(error, call.request_id)
            self._count_refusal(problem.status, problem.code)
            if problem.status == 500:
                self._say_failed(call)
            return Reply(problem.status, [_PROBLEM, *GUARD], _encode(problem))
        except Exception:
            self._say_failed(call)
            self._counters.cells[self._counters.cell("recsys_failures")] += 1
            return self._refused(Refusal(500, "FAILED", "this is our mistake"), call.request_id)

    @staticmethod
    def _say_failed(call: Call) -> None:
        more = about(request_id=call.request_id, tenant=call.tenant)
        _log.exception("request %s failed", call.request_id, extra=more)

    def recorded_late(self, tenant: str, answers: int) -> None:
        """Take back that answers were not recorded: the disk took them in the end."""
        self._unrecorded[tenant] = max(0, self._unrecorded.get(tenant, 0) - answers)

    async def _route(self, call: Call) -> Reply:
        if call.method == "GET":
            return self._get(call.path)
        if call.method == "OPTIONS" and self._cors is not None:
            return Reply(204, [*GUARD], b"")
        if call.method != "POST" or call.path not in _POSTS:
            raise _no_route(call.method, call.path)
        if self._in_flight >= self._settings.max_in_flight:
            await self._hearing.out(call.header, call.read_body)
            raise self._busy("OVERLOADED", "this worker has all the requests it takes")
        self._in_flight += 1
        try:
            return await self._post(call)
        finally:
            self._in_flight -= 1

    async def _post(self, call: Call) -> Reply:
        path = call.path
        if self._hosted.directory.number == 0:
            # Refusing every key would tell clients that theirs are wrong.
            raise self._busy("NOT_READY", "this host has not read its tenants and keys yet")
        right = Right.RECORD if path == "/v1/events" else Right.RECOMMEND
        principal = identify(
            call.header,
            self._hosted.directory,
            right=right,
            dev_headers=self._settings.dev_headers,
            tokens=self.tokens,
            every=call.every,
        )
        call.tenant = principal.tenant
        if self._rates is not None and (wait_s := self._rates.wait_s(principal.tenant)):
            raise Refusal(
                429, "RATE_LIMITED", "more requests of this tenant than are taken", retry_after_s=math.ceil(wait_s)
            )
        body = await call.read_body()
        if path == "/v1/events":
            return await self._take_events(principal, body)
        if path == "/v1/recommend/batch":
            return await self._batch(call, principal, body)
        request: RecommendRequest | SimilarRequest
        request = read_similar(body) if path == "/v1/similar" else read_recommend(body)
        view = call.view = self._view(principal.tenant)
        check_permitted(principal, view, request, confirm_s=self._settings.confirm_s)
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
            tail=self._tail,
        )
        call.answers = (answered,)
        self._unrecorded.pop(principal.tenant, None)  # its line tells them: nothing waits between the two
        recorded = all([await line for line in self._record(principal.tenant, answered)])
        if not recorded:
            self._unrecorded[principal.tenant] = self._unrecorded.get(principal.tenant, 0) + lost + 1
        seconds = time.perf_counter() - call.started
        self._tallies.count(view, request.surface, path, answered, recorded=recorded, seconds=seconds)
        return Reply(200, [_JSON, *GUARD], answered.body)

    async def _batch(self, call: Call, principal: Principal, body: bytes) -> Reply:
        """Answer several lists from one release; each is recorded as an answer of its own, before any is sent."""
        asked, dedupe = read_batch(body)
        tenant = principal.tenant
        view = call.view = self._view(tenant)
        for _, request in asked:
            check_permitted(principal, view, request, confirm_s=self._settings.confirm_s)
        call.answers = answers = list[Answered]()
        shown: dict[str, None] = {}
        lost = 0
        for place, (_, request) in enumerate(asked):
            if place:
                await asyncio.sleep(0)  # others have their turn between two lists
            if place == len(asked) - 1:
                lost = self._unrecorded.get(tenant, 0)
            answered = answer(
                view,
                without(request, shown) if dedupe and shown else request,
                request_id=self._ids.next(),
                client_request_id=call.client_id,
                pseudonyms=self._pseudonyms_of(tenant),
                confirm_s=self._settings.confirm_s,
                started=time.perf_counter() if place else call.started,
                now=self._wall(),
                unrecorded=lost,
            )
            answers.append(answered)
            shown |= dict.fromkeys(item.item_id for item in answered.items)
        self._unrecorded.pop(tenant, None)  # the line of the last list tells them: nothing waits between the two
        waits = [self._record(tenant, answered) for answered in answers]
        recorded = [all([await line for line in lines]) for lines in waits]
        missed = recorded.count(False) + (0 if recorded[-1] else lost)
        if missed:
            self._unrecorded[tenant] = self._unrecorded.get(tenant, 0) + missed
        seconds = time.perf_counter() - call.started
        for (_, request), answered, kept in zip(asked, answers, recorded, strict=True):
            self._tallies.count(view, request.surface, call.path, answered, recorded=kept, seconds=seconds)
        named = zip((name for name, _ in asked), (answered.body for answered in answers), strict=True)
        return Reply(200, [_JSON, *GUARD], joined(named))

    def _record(self, tenant: str, answered: Answered) -> list[Awaitable[bool]]:
        """Hand over what is recorded of an answer, to be written together."""
        waits = [self._exposures.append(tenant, "exposures", answered.line)]
        if answered.assigned is not None:
            waits.append(self._exposures.append(tenant, "assignments", answered.assigned))
        return waits

    async def _take_events(self, principal: Principal, body: bytes) -> Reply:
        cache = self._pseudonyms_of(principal.tenant)
        erased = self._hosted.erased(principal.tenant)
        hashed = [pseudonymous(event, of=cache.of, key_id=cache.key_id) for event in read_events_body(body)]
        events = [without_erased(event, erased) for event in hashed]
        outcomes = [event for event in events if isinstance(event, Outcome)]
        others = [event for event in events if isinstance(event, Interaction)]
        waits = []
        if outcomes:
            waits.append(self._outcomes.append(principal.tenant, "outcomes", _lines(outcomes)))
        if others:
            waits.append(self._outcomes.append(principal.tenant, "interactions", _lines(others)))
        done = all([await wait for wait in waits])
        if not done:
            raise self._busy("NOT_DURABLE", "the events are not on the disk", next_step="send the same ones again")
        if self._tells is not None:
            self._tells.tell(principal.tenant, cache.key_id, events)
        cell = self._counters.cell("recsys_events_accepted", {"tenant": principal.tenant})
        self._counters.cells[cell] += len(events)
        return Reply(200, [_JSON, *GUARD], _encode({"accepted": len(events)}))

    def _validated(self, view: View, request: RecommendRequest | SimilarRequest) -> Reply:
        notices: list[Notice] = [*NOTICES[view.rung(confirm_s=self._settings.confirm_s)], *view.notices]
        snapshot = view.snapshot
        if snapshot is not None:
            if snapshot.shelf(request.surface, request.segment) is None:
                notices.append(Notice("UNKNOWN_SURFACE", f"this tenant has no surface {request.surface!r}"))
            max_k = snapshot.config.at(request.surface).limits.max_k
            if request.k > max_k:
                notices.append(Notice("K_CLAMPED", f"k is {request.k}, and {max_k} is the most here"))
                request = msgspec.structs.replace(request, k=max_k)
        return Reply(200, [_JSON, *GUARD], canonical({"request": written_out(request), "warnings": notices}))

    def _view(self, tenant: str) -> View:
        view = self._hosted.view(tenant)
        if view is None:
            raise self._busy(
                "NO_RELEASE",
                f"tenant {tenant} has no release on this host yet",
                next_step="ship one, then ask again",
            )
        return view

    def _pseudonyms_of(self, tenant: str) -> PseudonymCache:
        of_now = self._hosted.directory.tenant(tenant).pseudonyms
        cache = self._pseudonyms.get(tenant)
        if cache is None or cache.key_id != of_now.key_id:
            cache = self._pseudonyms[tenant] = PseudonymCache(of_now)
        return cache

    def _get(self, path: str) -> Reply:
        if path == "/healthz":
            return Reply(200, [_JSON, *GUARD], b'{"status":"up"}')
        if path == "/version":
            return Reply(200, [_JSON, *GUARD], _encode({"version": __version__}))
        if path == "/readyz":
            missing = self._unready()
            body = {"ready": not missing, "reasons": missing}
            return Reply(503 if missing else 200, [_JSON, *GUARD], _encode(body))
        if path == "/openapi.json":
            return Reply(200, [_JSON, *GUARD], _described())
        if path == "/docs":
            return Reply(200, [*DOCS_HEADERS, *GUARD], docs_page())
        raise _no_route("GET", path)

    def _unready(self) -> list[str]:
        if self.draining:
            return ["this worker is shutting down"]
        return self._readiness.missing()

    def _busy(self, code: str, detail: str, *, next_step: str = "") -> Refusal:
        return Refusal(503, code, detail, next_step=next_step, retry_after_s=self._settings.retry_after_s)

    def _refused(self, refusal: Refusal, request_id: str, *, tenant: str | None = None) -> Reply:
        self._count_refusal(refusal.status, refusal.code)
        when = self._counters.cell("recsys_refused_at", {"code": refusal.code, "tenant": tenant or ""})
        self._counters.cells[when] = self._wall()
        headers = [_PROBLEM, *GUARD, *refusal.headers]
        return Reply(refusal.status, headers, _encode(refusal.problem(request_id)))

    def _count_refusal(self, status: int, code: str, times: int = 1) -> None:
        cell = self._counters.cell("recsys_refusals", {"status": str(status), "code": code})
        self._counters.cells[cell] += times


_POSTS = frozenset(("/v1/recommend", "/v1/recommend/batch", "/v1/recommend/validate", "/v1/similar", "/v1/events"))
_GETS = frozenset(("/healthz", "/readyz", "/version", "/openapi.json", "/docs"))
ROUTES = frozenset({f"POST {path}" for path in _POSTS} | {f"GET {path}" for path in _GETS})
"""Every route of the product's port; the reference page is tested against it."""


@functools.cache
def _described() -> bytes:
    from recsys.serving.product_api import describe_product

    return _encode(describe_product())


def _no_route(method: str, path: str) -> Refusal:
    if path in _POSTS or path in _GETS:
        allowed = "POST" if path in _POSTS else "GET"
        return Refusal(405, "METHOD", f"{path} takes {allowed}, not {method[:16]}", allow=allowed)
    return Refusal(404, "NO_ROUTE", f"there is nothing at {path[:120]}")


def _lines(events: Sequence[Outcome | Interaction]) -> bytes:
    return b"".join(_encode(event) + b"\n" for event in events)
