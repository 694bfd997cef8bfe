"""Whether a gateway may be called just now, and what it costs of its hour."""

from datetime import timedelta

from app.engine.models import Reason
from app.engine.outcomes import Effects, Row, Snooze
from app.messaging.gateways.throttle import first_room, has_room, minute_row
from workers.pipeline.context import StepContext

A_MINUTE = 60_000  # milliseconds


def wait_for_room(context: StepContext) -> Snooze | None:
    """Put off to the first minute with room, somewhere within it; None while there is room."""
    gateway, usage = context.line.gateway, context.line.usage
    if gateway.per_hour is None or has_room(usage, gateway.per_hour, context.now):
        return None
    minute = first_room(usage, gateway.per_hour, context.now)
    promise = minute_row(gateway.id, minute, promised=1)
    within = timedelta(milliseconds=context.step.id.int % A_MINUTE)  # by its id: they do not all wake at once
    return Snooze(minute + within, Reason.THROTTLED, effects=Effects(gateway_minutes=(promise,)))


def counted(context: StepContext) -> tuple[Row, ...]:
    """What a call that is about to be made takes of the gateway's hour."""
    gateway = context.line.gateway
    return () if gateway.per_hour is None else (minute_row(gateway.id, context.now, sent=1),)
