"""The hourly limit of gateways."""

from datetime import timedelta

from app.automation.handlers.context import StepContext
from app.engine.models import Reason
from app.engine.outcomes import Effects, Row, Snooze
from app.messaging.gateways.throttle import has_capacity, minute_row, next_available_minute

A_MINUTE = 60_000  # milliseconds


def wait_for_room(context: StepContext) -> Snooze | None:
    """Return a snooze to the first minute below the limit, or None while the gateway is below it."""
    gateway, usage = context.gateway, context.line.usage
    if gateway.per_hour is None or has_capacity(usage, gateway.per_hour, context.now):
        return None
    minute = next_available_minute(usage, gateway.per_hour, context.now)
    promise = minute_row(gateway.id, minute, promised=1)
    within = timedelta(milliseconds=context.step.id.int % A_MINUTE)  # by its id: they do not all wake at once
    return Snooze(minute + within, Reason.THROTTLED, effects=Effects(gateway_minutes=(promise,)))


def counted(context: StepContext) -> tuple[Row, ...]:
    """Return the row that counts the call that is about to be made."""
    gateway = context.gateway
    return () if gateway.per_hour is None else (minute_row(gateway.id, context.now, sent=1),)
