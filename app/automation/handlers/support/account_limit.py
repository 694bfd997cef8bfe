"""Limits of sending accounts: a message above a limit waits, and uses no try."""

from datetime import timedelta

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.guard import first_due_time
from app.engine.models import Reason
from app.engine.outcomes import AccountCount, Effects, Snooze
from app.messaging.sending_accounts.limits import wait_until
from app.messaging.sending_accounts.usage import count_rows

MINUTE_MS = 60_000


def account_snooze(context: StepContext) -> Snooze | None:
    """Return a snooze until the message's account is below its limits; None if it is below them now."""
    account, limits, usage, _ = context.account_context
    zone = context.clinic.calendar.zone
    if account is None or not limits.is_any or not (until := wait_until(limits, usage, context.now, zone)):
        return None
    # From the id, so that steps do not all resume at once.
    within = timedelta(milliseconds=context.step.id.int % MINUTE_MS)
    effects = Effects(account_counts=count_rows(account.id, until, zone, promised=1))
    return Snooze(until + within, Reason.THROTTLED, first_due_time(context), effects=effects)


def account_count_rows(context: StepContext) -> tuple[AccountCount, ...]:
    """Return the rows that count the next message, if its account has a limit."""
    account, limits, *_ = context.account_context
    if account is None or not limits.is_any:
        return ()
    return count_rows(account.id, context.now, context.clinic.calendar.zone, sent=1)
