"""A collector of traces on the loopback: takes OTLP over HTTP as a real one does, or hangs."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from tests.integration.serving.shops import until


class Span:
    """A span as it arrived, with the attributes of who sent it."""

    def __init__(self, sent: Sent, resource: dict[str, Any]) -> None:
        self.name, self.resource = sent.name, resource
        self.trace_id, self.span_id, self.parent = sent.trace_id.hex(), sent.span_id.hex(), sent.parent_span_id.hex()
        self.began, self.ended = sent.start_time_unix_nano, sent.end_time_unix_nano
        self.is_server = sent.kind == Sent.SPAN_KIND_SERVER
        self.failed = sent.status.code == 2
        self.attributes = _values(sent.attributes)


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


class Collector:
    """What has arrived by now."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.raw = b""
        self.asked = 0
        self.url = ""

    def take(self, body: bytes) -> None:
        self.raw += body
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _values(group.resource.attributes)
            self.spans += [Span(span, resource) for scope in group.scope_spans for span in scope.spans]

    def one(self, name: str, **attributes: Any) -> Span:
        """Wait for the span of a name that has these attributes (``recsys.`` in front)."""
        wanted = {f"recsys.{key}": value for key, value in attributes.items()}

        def found() -> list[Span]:
            return [one for one in list(self.spans) if one.name == name and wanted.items() <= one.attributes.items()]

        return until(found, f"a span {name} with {wanted}")[0]

    def children(self, of: Span) -> list[Span]:
        """List what came with a span, in the order of time."""
        found = [one for one in list(self.spans) if (one.trace_id, one.parent) == (of.trace_id, of.span_id)]
        return sorted(found, key=lambda one: one.began)


@contextmanager
def collecting(*, hangs: bool = False) -> Iterator[Collector]:
    """Collect for a while. One that ``hangs`` takes connections and bodies, and never replies."""
    collector, over = Collector(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.asked += 1
            if hangs:
                over.wait()
                return
            assert self.path == "/v1/traces"
            collector.take(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            reply = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_said: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield collector
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        serving.join()
