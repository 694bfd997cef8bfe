"""Spans by the OpenTelemetry SDK. Needs the extra `relance[otel]`; nothing else imports it."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import chain
from typing import Final
from uuid import UUID

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.core.telemetry.spans import TRACE, Phase, StepRun, Value, step_trace
from app.core.type_aliases import JsonObject

HEADER: Final = "traceparent"
SERVICE: Final = "relance"  # unless OTEL_SERVICE_NAME says otherwise

_w3c = TraceContextTextMapPropagator()


class OpenTelemetryExporter:
    """Sends spans to the collector at a base URL. The SDK's own variables choose headers, sampler and limits."""

    def __init__(self, url: str) -> None:
        own = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: SERVICE}
        self._ids = _Ids()
        provider = TracerProvider(resource=Resource.create(own), id_generator=self._ids)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url.rstrip('/')}/v1/traces")))
        self._tracer = provider.get_tracer(SERVICE)

    def begin_request(self, traceparent: str | None) -> "_RequestSpan":
        """Begin the span of a request, as a part of the caller's trace if it has one."""
        parent = _w3c.extract({HEADER: traceparent}, Context()) if traceparent else Context()
        return _RequestSpan(self._tracer.start_span("request", parent, SpanKind.SERVER))

    def add_steps(self, runs: Sequence[StepRun], *, began: datetime, phases: Sequence[Phase]) -> None:
        """Add a span for each step, with a child for each phase. The last phase ends the step."""
        for run in runs:
            self._ids.next = step_context(run.id, run.attempt)
            span = self._tracer.start_span(
                f"step {run.kind}",
                Context(),
                SpanKind.CONSUMER,
                links=[*_links(run.cause)],
                start_time=_nanoseconds(began),
            )
            self._add_phases(span, began, phases)
            _close(span, run.attributes, is_failure=run.is_failure, at=_nanoseconds(phases[-1].ended))

    def _add_phases(self, step: Span, began: datetime, phases: Sequence[Phase]) -> None:
        inside, start = set_span_in_context(step, Context()), _nanoseconds(began)
        for phase in phases:
            self._tracer.start_span(phase.name, inside, start_time=start).end(start := _nanoseconds(phase.ended))


def step_context(step_id: UUID, attempt: int = 0) -> SpanContext:
    """Return the identity of a step's span. It follows from the step's id, so that later steps can link to it."""
    span = blake2b(step_id.bytes + attempt.to_bytes(4), digest_size=8).digest()
    sampled = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(step_trace(step_id), 16), int.from_bytes(span), is_remote=True, trace_flags=sampled)


class _RequestSpan:
    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        own = self._span.get_span_context()
        return f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"

    def end(self, name: str, attributes: Mapping[str, Value | None], *, is_failure: bool) -> None:
        self._span.update_name(name)
        _close(self._span, attributes, is_failure=is_failure)


class _Ids(RandomIdGenerator):
    """Random ids, or those of the step whose span begins next."""

    next: SpanContext | None = None

    def generate_trace_id(self) -> int:
        return self.next.trace_id if self.next else super().generate_trace_id()

    def generate_span_id(self) -> int:
        context, self.next = self.next, None
        return context.span_id if context else super().generate_span_id()


def _links(cause: JsonObject) -> chain[Link]:
    """Return links to the request that began it all, and to the step that this one follows from."""
    request = get_current_span(_w3c.extract({HEADER: cause.get(TRACE, "")}, Context())).get_span_context()
    follows = [step_context(UUID(cause["step_id"]))] if cause.get("step_id") else []
    return chain([Link(request)] if request.is_valid else [], map(Link, follows))


def _close(span: Span, attributes: Mapping[str, Value | None], *, is_failure: bool, at: int | None = None) -> None:
    span.set_attributes({name: value for name, value in attributes.items() if value is not None})
    if is_failure:
        span.set_status(StatusCode.ERROR)
    span.end(at)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
