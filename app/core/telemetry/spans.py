"""Spans as the application describes them, without the OpenTelemetry SDK."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Final, Protocol, TypeAlias
from uuid import UUID

from app.core.type_aliases import JsonObject

TRACE: Final = "trace"  # the request's span in the cause of a step, as a `traceparent` (W3C Trace Context)
Value: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a step's run, such as its claim. It began when the part before ended."""

    name: str
    ended: datetime


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

    def add_steps(self, runs: Sequence[StepRun], *, began: datetime, phases: Sequence[Phase]) -> None:
        """Add a span for each step, with a child for each phase. The last phase ends the step."""
        ...


def step_trace(step_id: UUID) -> str:
    """Return the id of a step's trace in hexadecimal. It follows from the step's id: later steps can link to it."""
    return blake2b(step_id.bytes, digest_size=16).hexdigest()
