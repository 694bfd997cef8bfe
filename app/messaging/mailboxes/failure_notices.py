"""Notices to admins about a mailbox that cannot be read, and the state of all mailboxes for operators."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import AnyRow
from app.messaging.mailboxes.models import Mailbox
from app.messaging.rendering.render import Wording
from app.messaging.user_notices import admin_notices

TEMPLATE: Final = "mailbox-failing"
NOTIFY_AFTER: Final = timedelta(hours=1)
UNREAD_AFTER: Final = timedelta(minutes=1)  # no process has held the mailbox for so long
NOT_RUNNING: Final = "No process reads it: the part `inbound` does not run."

# Once per failure: `notified_at` is cleared when the mailbox works again, and when a user changes it.
_CLAIM: Final = text(
    "UPDATE mailboxes SET notified_at = :now WHERE is_active AND failing_since <= :before AND notified_at IS NULL"
    " RETURNING clinic_id, name, error, failing_since"
)
_MARK_UNREAD: Final = text(
    "UPDATE mailboxes SET failing_since = :now, error = :error WHERE is_active AND failing_since IS NULL"
    " AND coalesce(held_until, updated_at) < :before"
)


class MailboxFigures(NamedTuple):
    """The active mailboxes of all clinics."""

    active: int
    failing: int
    unread: int  # held by no process
    oldest_seen_at: datetime | None


def notify_of_failures(session: Session) -> int:
    """Notify the admins of mailboxes that have failed for an hour. Returns the number of these mailboxes."""
    at = now()
    session.execute(_MARK_UNREAD, {"now": at, "before": at - UNREAD_AFTER, "error": NOT_RUNNING})
    failing: Sequence[AnyRow] = session.execute(_CLAIM, {"now": at, "before": at - NOTIFY_AFTER}).all()
    for row in failing:
        wording = Wording(
            f"The mailbox {row.name} cannot be read",
            f"Since {row.failing_since:%Y-%m-%d %H:%M} UTC no mail of the mailbox {row.name} is received ({row.error})."
            " Answers of leads stop nothing until it works again. Correct its settings under /api/mailboxes.",
        )
        admin_notices.notify_admins(session, {row.clinic_id: wording}, template=TEMPLATE, at=at)
    return len(failing)


def mailbox_figures(session: Session) -> MailboxFigures:
    """Return the numbers of active, failing and unread mailboxes."""
    failing, unread = Mailbox.failing_since.is_not(None), Mailbox.held_until < now() - UNREAD_AFTER
    row = session.execute(
        select(
            func.count(),
            func.count().filter(failing),
            func.count().filter(unread | Mailbox.held_until.is_(None)),
            func.min(Mailbox.last_seen_at),
        ).where(Mailbox.is_active)
    ).one()
    return MailboxFigures(*row)


def failing_mailboxes(session: Session) -> Sequence[Mailbox]:
    """Return the active mailboxes that cannot be read, the longest failure first."""
    failing = select(Mailbox).where(Mailbox.is_active, Mailbox.failing_since.is_not(None))
    return session.scalars(failing.order_by(Mailbox.failing_since)).all()
