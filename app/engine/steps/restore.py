"""Restore the steps that a contact stopped which turned out to be none."""

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
_OWN: Final = (EventName.LEAD_CONTACTED, EventName.TASK_COMPLETED)  # of the contact itself


def restore_steps(session: Session, lead_id: UUID, *, since: datetime, has_moved_back: bool) -> None:
    """Plan the steps again that the contact of this time stopped. The caller locks the lead's row.

    Each keeps its due time: one that is past runs now, unless it may not be that late. `has_moved_back`: the changes of
    stage since then are the contact's own.
    """
    own = [*_OWN, EventName.LEAD_STAGE_CHANGED] if has_moved_back else [*_OWN]
    given = {"lead": lead_id, "since": since, "reason": Reason.ALREADY_CONTACTED, "own": own}
    session.execute(_RESTORE, {**given, "deliver": Kind.DELIVER})
