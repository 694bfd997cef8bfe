"""`deliver_account_email`: send an invitation or a password reset. Its queue takes no other messages."""

from dataclasses import replace

from app.automation.handlers import deliver
from app.automation.handlers.support.context import StepContext
from app.engine.models import Kind, Reason
from app.engine.outcomes import Skip, Snooze
from app.engine.step_kind import ACCOUNTS
from app.messaging.user_notices.account_emails import LINK_LIFETIME


def guard(context: StepContext) -> Skip | Snooze | None:
    """Return Skip or Snooze with the reason not to send the e-mail now: also if its link has expired meanwhile."""
    if refused := deliver.guard(context):
        return refused
    note = context.message
    if context.now < note.created_at + LINK_LIFETIME[note.template]:
        return None
    return deliver.suppress(context, Reason.LINK_EXPIRED)


KIND = replace(deliver.KIND, name=Kind.DELIVER_ACCOUNT_EMAIL, guard=guard, has_lead=False, read_ahead=1, queue=ACCOUNTS)
