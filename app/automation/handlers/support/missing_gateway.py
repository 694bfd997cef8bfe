"""Wait for a gateway: a step whose gateway is missing or inactive waits for an admin and uses no try."""

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.guard import wait_for_admin
from app.engine.models import Reason
from app.engine.outcomes import Snooze


def wait_for_gateway(context: StepContext) -> Snooze | None:
    """Snooze the step while it has no active gateway; None if it has one."""
    gateway = context.gateway_context.gateway
    if gateway is not None and gateway.is_active:
        return None
    return wait_for_admin(context, Reason.NO_GATEWAY)
