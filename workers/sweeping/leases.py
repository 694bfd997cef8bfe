"""Steps whose worker was cut off while somebody outside was asked."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock

BATCH = 500
WORDS = "the worker was cut off while this was being sent: it may or may not have arrived"

# An SMTP server takes no idempotency key: a message that may have gone out is not sent again by itself.
_RESCUE = text(
    "WITH lost AS (SELECT id FROM steps WHERE state = 'running' AND lease_until < :now"
    " ORDER BY lease_until LIMIT :batch FOR UPDATE SKIP LOCKED)"
    " UPDATE steps AS s SET state = 'unknown', error = :words, finished_at = :now FROM lost WHERE s.id = lost.id"
    " RETURNING CAST(s.params ->> 'notification_id' AS uuid) AS notification_id"
)
_NOTIFICATIONS = text(
    "UPDATE notifications SET state = 'unknown', error = :words WHERE id = ANY(:ids) AND state = 'sending'"
)
_DELIVERIES = text(
    "UPDATE deliveries SET outcome = 'unknown', response = :words, finished_at = :now"
    " WHERE notification_id = ANY(:ids) AND outcome IS NULL"
)


def rescue_expired(session: Session) -> int:
    """Mark them `unknown`: an admin resolves (send again, or mark as sent)."""
    given = {"now": clock.now(), "words": WORDS}
    found = session.execute(_RESCUE, {**given, "batch": BATCH}).all()
    if found:
        ids = [row.notification_id for row in found]
        session.execute(_NOTIFICATIONS, {**given, "ids": ids})
        session.execute(_DELIVERIES, {**given, "ids": ids})
    return len(found)
