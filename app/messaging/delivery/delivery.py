"""What an attempt's outcome means for its notification. Pure; the runner does the waiting."""

from app.messaging.channels.base import Outcome, Receipt
from app.messaging.models import NotificationState

MOST_TRIES = 8


def after(receipt: Receipt, tries: int) -> NotificationState:
    """The notification's state after so many tries of its present deliver step, this one included.

    `pending` means: try again later. `unknown` is never tried again by itself.
    """
    if receipt.outcome is Outcome.TRANSIENT and tries < MOST_TRIES:
        return NotificationState.PENDING
    return _FINAL[receipt.outcome]


_FINAL = {
    Outcome.SENT: NotificationState.SENT,
    Outcome.TRANSIENT: NotificationState.FAILED,
    Outcome.PERMANENT: NotificationState.FAILED,
    Outcome.UNKNOWN: NotificationState.UNKNOWN,
}
