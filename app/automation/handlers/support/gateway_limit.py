"""Hourly rate limit of gateways."""

from datetime import timedelta

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.guard import first_due_time
from app.engine.models import Reason
from app.engine.outcomes import Effects, GatewayCalls, Snooze
from app.messaging.gateways.throttle import has_capacity, minute_row, next_available_minute

MINUTE_MS = 60_000


def throttle_snooze(context: StepContext) -> Snooze | None:
    """Return a snooze until the first minute below the limit; None if the gateway is below it now."""
    gateway, usage = context.gateway, context.gateway_context.usage
    if gateway.per_hour is None or has_capacity(usage, gateway.per_hour, context.now):
        return None
    minute = next_available_minute(usage, gateway.per_hour, context.now)
    reservation = minute_row(gateway.id, minute, promised=1)
    # From the id, so that steps do not all resume at once.
    within = timedelta(milliseconds=context.step.id.int % MINUTE_MS)
    effects = Effects(gateway_minutes=(reservation,))
    return Snooze(minute + within, Reason.THROTTLED, first_due_time(context), effects=effects)


def usage_rows(context: StepContext) -> tuple[GatewayCalls, ...]:
    """Return the row that counts the next call, if the gateway has a limit."""
    gateway = context.gateway
    return () if gateway.per_hour is None else (minute_row(gateway.id, context.now, sent=1),)
