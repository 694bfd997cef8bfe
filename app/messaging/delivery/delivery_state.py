"""State of a notification after a delivery attempt. Pure; the runner plans the next attempt."""

from app.messaging.channels.base import Outcome, Receipt
from app.messaging.models import NotificationState

MAX_ATTEMPTS = 8


def state_after(receipt: Receipt, attempts: int) -> NotificationState:
    """Return the notification's state after an attempt.

    `attempts` is the number of attempts of its present deliver step, including this one. `pending` means that another
    attempt follows. `unknown` is never retried automatically.
    """
    if receipt.outcome is Outcome.TRANSIENT and attempts < MAX_ATTEMPTS:
        return NotificationState.PENDING
    return _FINAL[receipt.outcome]


_FINAL = {
    Outcome.SENT: NotificationState.SENT,
    Outcome.TRANSIENT: NotificationState.FAILED,
    Outcome.PERMANENT: NotificationState.FAILED,
    Outcome.UNKNOWN: NotificationState.UNKNOWN,
}
