"""Spans of what a process of the service does, sent with OpenTelemetry (OTLP over HTTP).

Imported only where traces are sent. The standard ``OTEL_…`` variables say where to, how many are kept, and how the
service is called. Spans wait in a bounded queue and a thread sends them: a collector that is away costs spans, no more.
"""

import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, format_span_id, format_trace_id, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from recsys import __version__
from recsys.serving.settings import Settings

__all__ = ["Facts", "Open", "Part", "Spans"]

Facts = Mapping[str, str | int | float | None]
"""Attributes by name; what is ``None`` is left out."""

_FLUSH_S = 1.0
"""Longest a process that ends waits for the collector: its supervisor does not wait for ever either."""
_MOST_TEXT = 128
"""Characters of an attribute. Names of ours are shorter."""
_SELDOM_S = 30.0
"""How often the same trouble with the collector is told."""
_parents = TraceContextTextMapPropagator()


class Part:
    """Something that took a part of a span's time, by ``time.perf_counter()``."""

    __slots__ = ("began", "ended", "facts", "name")

    def __init__(self, name: str, began: float, ended: float, facts: Facts) -> None:
        self.name, self.began, self.ended, self.facts = name, began, ended, facts


class Open:
    """A span that was begun at ``began``, by ``time.perf_counter()``."""

    __slots__ = ("_wall_ns", "began", "key", "span")

    def __init__(self, span: Span, key: str, began: float, wall_ns: int) -> None:
        self.span, self.key, self.began, self._wall_ns = span, key, began, wall_ns

    def ns(self, moment: float) -> int:
        """Return a moment of ``time.perf_counter()`` as nanoseconds since 1970."""
        return self._wall_ns + int((moment - self.began) * 1e9)


class Spans:
    """Makes the spans of one process. While one is open, lines of the log that are about the same request name it.

    Raises
    ------
    Exception
        Whatever the library has against the ``OTEL_…`` variables.
    """

    def __init__(self, settings: Settings, *, process: str) -> None:
        protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        if protocol not in (None, "", "http/protobuf"):
            raise ValueError(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}, and http/protobuf is what is spoken here")
        self._provider = TracerProvider(
            resource=_resource(settings, process),
            span_limits=SpanLimits(max_span_attribute_length=_MOST_TEXT),
            shutdown_on_exit=False,  # it would wait for half a minute
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("recsys", __version__)
        self._open: dict[str, Open] = {}
        for handler in logging.getLogger().handlers:
            handler.addFilter(self._mark)
            handler.addFilter(_seldom)

    def begin(
        self, name: str, *, key: str, began: float | None = None, server: bool = False, parents: Sequence[str] = ()
    ) -> Open:
        """Begin a span; every one is ended or dropped.

        Parameters
        ----------
        key
            What lines of the log are about while it is open: a request's id; ``""``: whatever names no request.
        began
            When, by ``time.perf_counter()``, if not now.
        parents
            The values of the header ``traceparent``. More than one, or one that is malformed, is none.
        """
        now = time.perf_counter()
        began = now if began is None else began
        wall_ns = time.time_ns() - int((now - began) * 1e9)
        context = Context()
        if len(parents) == 1:
            context = _parents.extract({"traceparent": parents[0]}, context)
        kind = SpanKind.SERVER if server else SpanKind.INTERNAL
        span = self._tracer.start_span(name, context, kind=kind, start_time=wall_ns)
        opened = self._open[key] = Open(span, key, began, wall_ns)
        return opened

    def end(self, opened: Open, *, facts: Facts, parts: Iterable[Part] = (), failed: bool = False) -> None:
        """End a span now, with what is known of it and what took its time; it is sent some time later."""
        ended = time.perf_counter()
        self.drop(opened)
        span = opened.span
        if not span.is_recording():
            return
        context = set_span_in_context(span, Context())
        for part in parts:
            child = self._tracer.start_span(part.name, context, start_time=opened.ns(part.began))
            _note(child, part.facts)
            child.end(opened.ns(part.ended))
        _note(span, facts)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(opened.ns(ended))

    def drop(self, opened: Open) -> None:
        """Forget a span that turned out to be of nothing."""
        self._open.pop(opened.key, None)

    def rename(self, opened: Open, name: str) -> None:
        """Name a span by what became known after it was begun."""
        opened.span.update_name(name)

    def close(self) -> None:
        """Send what waits, if the collector takes it at once."""
        sending = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        sending.start()
        sending.join(_FLUSH_S)

    def _mark(self, record: logging.LogRecord) -> bool:
        """Write the ids of the span that is open for what a record is about into the record."""
        about = getattr(record, "about", None)
        opened = self._open.get((about and about.request_id) or "")
        if opened is not None:
            context = opened.span.get_span_context()
            record.trace_id, record.span_id = format_trace_id(context.trace_id), format_span_id(context.span_id)
        return True


def _note(span: Span, facts: Facts) -> None:
    for name, value in facts.items():
        if value is not None:
            span.set_attribute(name, value)


def _resource(settings: Settings, process: str) -> Resource:
    """Say who sends; what the environment says stands above it."""
    ours = {
        "service.name": "recsys",
        "service.version": __version__,
        "service.instance.id": f"{settings.machine}/{process}",
        "deployment.environment.name": settings.env,
    }
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})


_told_at: dict[str, float] = {}


def _seldom(record: logging.LogRecord) -> bool:
    """Let a line through, but not the library's same one again: a collector that is away is news once."""
    if not record.name.startswith("opentelemetry"):
        return True
    now = time.monotonic()
    if now < _told_at.get(str(record.msg), -_SELDOM_S) + _SELDOM_S:
        return False
    _told_at[str(record.msg)] = now
    return True
