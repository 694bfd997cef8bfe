"""Traces: a span for each request and for each run of a step. Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set.

A step may run days after the request that planned it. So each step has a trace of its own, which links to the span of
the request and to the step that it follows from. The step's cause holds the span of the request as `trace`.
Attributes hold ids, names of rules and results, and no personal data.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from importlib import import_module
from uuid import UUID

from app.config import get_settings
from app.core.telemetry.spans import TRACE, Exporter, OpenSpan, Value, step_trace
from app.core.type_aliases import JsonDict

_span: ContextVar[OpenSpan | None] = ContextVar("relance_span", default=None)


def begin_request(traceparent: str | None) -> None:
    """Begin the span of the request of this context."""
    if found := exporter():
        _span.set(found.begin_request(traceparent))


def end_request(name: str, attributes: Mapping[str, Value | None], *, is_failure: bool) -> None:
    """End the span of the request of this context, if there is one."""
    if span := _span.get():
        span.end(name, attributes, is_failure=is_failure)
        _span.set(None)


def trace_of_request() -> JsonDict:
    """Return the part of a step's cause that names the span of the current request."""
    span = _span.get()
    return {TRACE: span.traceparent} if span else {}


def request_trace_id() -> str | None:
    """Return the id of the trace of the current request, if there is one."""
    span = _span.get()
    return span.traceparent.split("-")[1] if span else None


def step_trace_id(step_id: UUID) -> str | None:
    """Return the id of the step's trace, or None if traces are off."""
    return step_trace(step_id) if exporter() else None


@lru_cache(maxsize=1)
def exporter() -> Exporter | None:
    """Return the exporter of this process, or None if traces are off.

    It is made by the first span, because its thread would not survive the fork of a process.
    """
    url = get_settings().otel_exporter_otlp_endpoint
    if not url:
        return None
    made: Exporter = import_module("app.core.telemetry.opentelemetry").OpenTelemetryExporter(url)
    return made
