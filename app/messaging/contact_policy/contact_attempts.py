"""What the gate is asked of a step's message: the same for a worker, a dry run and a simulation."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from app.engine.events.events import EventName
from app.messaging.contact_policy.facts import PRIORITY, Touch


class Writes(Protocol):
    """A step that writes to its lead."""

    @property
    def params(self) -> Mapping[str, Any]: ...
    @property
    def cause(self) -> Mapping[str, Any]: ...
    @property
    def stop_on(self) -> Sequence[str]: ...


def touch_of(step: Writes, channel: str, address: str | None, *, planned_at: datetime) -> Touch:
    """Its message by this channel, to this address."""
    return Touch(
        channel=channel,
        address=address,
        planned_at=planned_at,
        series=series_of(step),
        priority=priority_of(step),
        is_transactional=bool(step.params.get("transactional")),
        stops_at_reply=EventName.LEAD_REPLIED in step.stop_on,
    )


def series_of(step: Writes) -> str | None:
    """The rule or sequence that a step belongs to: their messages are counted together."""
    series: str | None = step.cause.get("sequence") or step.cause.get("rule")
    return series


def priority_of(step: Writes) -> int:
    """How much a step matters: 1 the most."""
    priority: int = step.cause.get("priority", PRIORITY)
    return priority
