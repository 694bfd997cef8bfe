"""Wait for a gateway or a sending account: while it is missing or inactive, a step waits and uses no try."""

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.guard import wait_for_admin
from app.engine.models import Reason
from app.engine.outcomes import Snooze
from app.engine.steps import waiting


def wait_for_gateway(context: StepContext) -> Snooze | None:
    """Snooze the step while it has no active gateway; None if it has one."""
    gateway = context.gateway_context.gateway
    if gateway is not None and gateway.is_active:
        return None
    return wait_for_admin(context, Reason.NO_GATEWAY, waiting.GATEWAY)


def wait_for_account(context: StepContext) -> Snooze | None:
    """Snooze the step while its message has no active sending account; None if it has one or needs none."""
    if not context.account_context.is_missing:
        return None
    return wait_for_admin(context, Reason.NO_ACCOUNT, waiting.ACCOUNT)
