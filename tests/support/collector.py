"""Fixture `collector`: an HTTP server on this machine that takes traces (OTLP) of the scene's processes.

collector.spans("step deliver")   # the spans with this name
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.support.chaos import Scene


@dataclass(frozen=True)
class Span:
    name: str
    trace: str
    id: str
    parent: str
    links: list[tuple[str, str]]  # trace, span
    attributes: Mapping[str, Any]
    service: str
    seconds: float


@dataclass
class Collector:
    received: list[Span] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = HTTPServer(host="127.0.0.1", port=0, threaded=True)
        self._server.expect_request("/v1/traces").respond_with_handler(self._take)
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.clear()
        self._server.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def spans(self, name: str) -> list[Span]:
        return [span for span in self.received if span.name == name]

    def children(self, parent: Span) -> list[Span]:
        """Return the spans inside a span, in the order of their ends."""
        return [span for span in self.received if (span.trace, span.parent) == (parent.trace, parent.id)]

    def _take(self, request: Request) -> Response:
        given = ExportTraceServiceRequest.FromString(request.get_data())
        for resource in given.resource_spans:
            service = _values(resource.resource.attributes)["service.name"]
            self.received += [_span(span, service) for scope in resource.scope_spans for span in scope.spans]
        return Response(b"", 200, content_type="application/x-protobuf")


@pytest.fixture
def collector(scene: Scene) -> Iterator[Collector]:
    with Collector() as collector:
        scene.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        scene.env["OTEL_BSP_SCHEDULE_DELAY"] = "200"  # milliseconds
        yield collector


def _span(span: Any, service: str) -> Span:
    return Span(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        attributes=_values(span.attributes),
        service=service,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
