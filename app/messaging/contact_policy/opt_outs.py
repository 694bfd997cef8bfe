"""To which rule or sequence an opt-out is put down: the one whose message the lead had last."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.engine.statistics.outcome_statistics import Series, count
from app.messaging.models import IS_TOUCH, TOUCHED_AT, LeadChannel

ANSWERS_WITHIN: Final = timedelta(days=7)  # who opts out later, does so for other reasons

_LAST: Final = text(
    f"SELECT series FROM notifications WHERE lead_id = :lead AND {IS_TOUCH} AND {TOUCHED_AT} > :since"  # noqa: S608
    " AND (CAST(:channel AS text) IS NULL OR channel = :channel)"
    f" ORDER BY {TOUCHED_AT} DESC LIMIT 1"
)


def count_opt_out(
    session: Session, clinic_id: UUID, lead_id: UUID, *, at: datetime, channel: LeadChannel | None = None
) -> None:
    """Count it for the series of the lead's last message, by that channel if one is named; else for none."""
    asked = {"lead": lead_id, "since": at - ANSWERS_WITHIN, "channel": channel}
    if slug := session.scalar(_LAST, asked):
        count(session, {Series(clinic_id, slug): Counter(opted_out=1)})
