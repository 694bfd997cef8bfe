"""Restore the steps that a contact or a reply stopped which turned out to be none."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.engine.events.events import EventName
from app.engine.models import Kind, Reason

# Steps that another event has stopped since then stay. Steps of sequences end or go on with their enrollment, and a
# message that was suppressed is not sent later.
_RESTORE: Final = text(
    "UPDATE steps AS s SET state = 'planned', reason = NULL, finished_at = NULL, published_at = NULL"
    " WHERE lead_id = :lead AND state IN ('cancelled', 'skipped') AND reason = :reason AND finished_at >= :since"
    " AND kind <> :deliver AND NOT cause ? 'enrollment_id'"
    " AND NOT EXISTS (SELECT FROM events AS e WHERE e.lead_id = s.lead_id AND e.occurred_at > :since"
    " AND e.name = ANY(s.stop_on) AND e.name <> ALL(:own))"
)


def restore_steps(
    session: Session, lead_id: UUID, *, since: datetime, reason: Reason, own: Collection[EventName]
) -> None:
    """Plan the steps again that were stopped for this reason since then. The caller locks the lead's row.

    Each keeps its due time: one that is past runs now, unless it may not be that late. `own`: the events of the contact
    or reply itself; a step that another event has stopped since stays.
    """
    given = {"lead": lead_id, "since": since, "reason": reason, "own": list(own)}
    session.execute(_RESTORE, {**given, "deliver": Kind.DELIVER})
