"""The contact attempt of a step: input of the contact gate for workers, dry runs and simulations alike."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.core.type_aliases import JsonObject
from app.engine.events.events import EventName
from app.messaging.contact_policy.gate_input import DEFAULT_PRIORITY, ContactAttempt


class MessageStep(Protocol):
    """A step that sends a message to its lead."""

    @property
    def params(self) -> JsonObject: ...
    @property
    def cause(self) -> JsonObject: ...
    @property
    def stop_on(self) -> Sequence[str]: ...


def attempt_for_step(step: MessageStep, channel: str, address: str | None, *, planned_at: datetime) -> ContactAttempt:
    """Return the contact attempt of a step by this channel, to this address."""
    return ContactAttempt(
        channel=channel,
        address=address,
        planned_at=planned_at,
        series=series_of(step),
        priority=priority_of(step),
        is_transactional=bool(step.params.get("transactional")),
        stops_at_reply=EventName.LEAD_REPLIED in step.stop_on,
    )


def series_of(step: MessageStep) -> str | None:
    """Return the slug of the step's sequence or rule; None without either. Messages are counted by slug."""
    series: str | None = step.cause.get("sequence") or step.cause.get("rule")
    return series


def priority_of(step: MessageStep) -> int:
    """Return the step's priority; 1 is the highest."""
    priority: int = step.cause.get("priority", DEFAULT_PRIORITY)
    return priority
