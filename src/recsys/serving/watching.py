"""Tells of requests: in the log, as ``RECSYS_SERVE_LOG_REQUESTS`` has it, and in traces where those are sent.

Nobody is handed a :class:`Watch` where neither is wanted.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from recsys.serving.call import Call, Reply
from recsys.serving.log_lines import About
from recsys.serving.settings import Settings

if TYPE_CHECKING:
    from recsys.serving.answering import Answered
    from recsys.serving.spans import Facts, Open, Part, Spans

__all__ = ["Seen", "Watch", "watch_of"]

_log = logging.getLogger(__name__)

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"))
_OTHER_METHOD = "_OTHER"
"""The semantic conventions' word for a method that is not one; whoever asked made it up, and it is told nowhere."""
_OTHER = "other"


class Seen(msgspec.Struct, frozen=True):
    """A request that is being answered: its id, when it came by ``time.perf_counter()``, and its span."""

    request_id: str
    began: float
    span: "Open | None"


def watch_of(settings: Settings, spans: "Spans | None", *, routes: Iterable[str]) -> "Watch | None":
    """Return who tells of requests; ``None`` where nobody is to. ``routes`` are the paths that may be named."""
    if spans is None and settings.log_requests == "off":
        return None
    return Watch(settings.log_requests, spans, routes=routes)


class Watch:
    """Tells of each request when it has been answered. Whatever goes wrong here, the answer goes out."""

    def __init__(self, log_requests: str, spans: "Spans | None", *, routes: Iterable[str]) -> None:
        self._log_requests, self._spans = log_requests, spans
        self._routes = frozenset(routes)

    async def over(self, call: Call, answer: Callable[[Call], Awaitable[Reply]]) -> Reply:
        """Answer a request to the product's port, and tell of it; raises only what ``answer`` does."""
        parents = call.every("traceparent") if call.every is not None else ()
        seen = self.begin(call.request_id, call.started, parents)
        try:
            reply = await answer(call)
        except BaseException:  # the client left, or we do
            self.end(seen, About(request_id=call.request_id, method=call.method, route=call.path, tenant=call.tenant))
            raise
        recorded_at = time.perf_counter()
        one = call.answers[0] if len(call.answers) == 1 else None
        about = About(
            request_id=call.request_id,
            tenant=call.tenant,
            surface=None if one is None or call.view is None else call.view.named(one.surface),
            method=call.method,
            route=call.path,
            status=reply.status,
            rung=None if one is None else one.rung,
            bytes=len(reply.body),
        )
        parts = () if seen.span is None else _parts(call, recorded_at)
        self.end(seen, about, facts={} if one is None else _of(one), parts=parts)
        return reply

    def begin(self, request_id: str, began: float, parents: Sequence[str]) -> Seen:
        """Begin to watch a request; :meth:`end` it."""
        span = None
        if self._spans is not None:
            span = self._spans.begin("HTTP", key=request_id, began=began, server=True, parents=parents)
        return Seen(request_id, began, span)

    def end(self, seen: Seen, about: About, *, facts: "Facts | None" = None, parts: "Iterable[Part]" = ()) -> None:
        """Tell of a request. A method and a route that are none of ours, and a status of ``None``, are told as such."""
        try:
            about = self._named(about, seen)
            if about.status is not None and self._wanted(about.status):
                said = f"{about.method} {about.route} {about.status} in {about.ms:g} ms"
                _log.log(_level(about.status), said, extra={"about": about})
            if self._spans is not None and seen.span is not None:
                self._end_span(self._spans, seen.span, about, facts or {}, parts)
        except Exception:
            if self._spans is not None and seen.span is not None:
                self._spans.drop(seen.span)
            _log.exception("request %s was not told of", seen.request_id)

    def _named(self, about: About, seen: Seen) -> About:
        return msgspec.structs.replace(
            about,
            method=about.method if about.method in _METHODS else _OTHER_METHOD,
            route=about.route if about.route in self._routes else _OTHER,
            ms=round((time.perf_counter() - seen.began) * 1000, 3),
        )

    def _wanted(self, status: int) -> bool:
        return self._log_requests == "all" or (self._log_requests == "errors" and (status >= 500 or status == 429))

    @staticmethod
    def _end_span(spans: "Spans", span: "Open", about: About, facts: "Facts", parts: "Iterable[Part]") -> None:
        method = "HTTP" if about.method == _OTHER_METHOD else str(about.method)
        spans.rename(span, method if about.route == _OTHER else f"{method} {about.route}")
        failed = about.status is not None and about.status >= 500
        error = "cancelled" if about.status is None else str(about.status) if failed else None
        told: Mapping[str, str | int | float | None] = {
            "http.request.method": about.method,
            "http.response.status_code": about.status,
            "http.response.body.size": about.bytes,
            "http.route": None if about.route == _OTHER else about.route,
            "url.scheme": "http",
            "error.type": error,
            "recsys.request_id": about.request_id,
            "recsys.tenant": about.tenant,
            "recsys.surface": about.surface,
            **facts,
        }
        spans.end(span, facts=told, parts=parts, failed=failed)


def _of(answered: "Answered") -> "Facts":
    return {
        "recsys.generation": answered.generation,
        "recsys.rung": answered.rung,
        "recsys.items": len(answered.items),
    }


def _parts(call: Call, recorded_at: float) -> "list[Part]":
    """Return what took the time of answers: each list's ranking, then writing them down until all were recorded."""
    from recsys.serving.spans import Part

    parts = []
    for answered in call.answers:
        surface = None if call.view is None else call.view.named(answered.surface)
        facts = {**_of(answered), "recsys.request_id": answered.request_id, "recsys.surface": surface}
        parts.append(Part("rank", answered.began, answered.ended, facts))
    if parts:
        parts.append(Part("record", parts[-1].ended, recorded_at, {}))
    return parts


def _level(status: int) -> int:
    if status == 500:
        return logging.ERROR
    return logging.WARNING if status > 500 or status == 429 else logging.INFO
