"""Traces: a span for each request and for each run of a step. Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set.

A step may run days after the request that planned it. So each step has a trace of its own, which links to the span of
the request and to the step that it follows from. The step's cause holds the span of the request as `trace`.
Attributes hold ids, names of rules and results, and no personal data.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from typing import Final, Protocol, TypeAlias
from uuid import UUID

from app.config import get_settings
from app.core.type_aliases import JsonDict, JsonObject

TRACE: Final = "trace"  # the request's span in the cause of a step, as a `traceparent` (W3C Trace Context)
Value: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class StepRun:
    """One run of a step. `attempt` counts from 0."""

    id: UUID
    kind: str
    attempt: int
    cause: JsonObject
    is_failure: bool
    attributes: Mapping[str, Value | None] = field(default_factory=dict)


class OpenSpan(Protocol):
    """A span that has begun."""

    @property
    def traceparent(self) -> str:
        """The span as a `traceparent` of W3C Trace Context."""
        ...

    def end(self, name: str, attributes: Mapping[str, Value | None], *, is_failure: bool) -> None:
        """End the span under this name. Attributes that are None are left out."""
        ...


class Exporter(Protocol):
    """Makes spans and sends them to the collector, in the background."""

    def begin_request(self, traceparent: str | None) -> OpenSpan:
        """Begin the span of a request, as a part of the caller's trace if it has one."""
        ...

    def add_steps(self, runs: Sequence[StepRun], *, began: datetime, ended: datetime) -> None:
        """Add a span for each step that ran between these times."""
        ...


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
