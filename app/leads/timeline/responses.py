"""What became of a lead after something: whether it was heard of, whether it was converted. For figures.

LIMIT: looked up one by one, rather than put beside every row of a large table.
"""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import literal, select

from app.leads.models import Lead
from app.leads.timeline.models import Activity, Direction

REPLY_DAYS: Final = 7
SOON: Final = timedelta(days=REPLY_DAYS)


def heard_of(lead_id: Any, *, after: Any, until: Any, beside: tuple[Any, ...]) -> Any:
    """A lateral `replied` for the rows of `beside`: `one`, where the lead answered then. A machine's is no answer."""
    theirs = (
        Activity.lead_id == lead_id,
        Activity.direction == Direction.INBOUND,
        Activity.is_auto_reply.is_(False),
        Activity.occurred_at > after,
        Activity.occurred_at <= until,
    )
    found = select(literal(1).label("one")).where(*theirs).limit(1)
    return found.correlate(*beside).lateral("replied")


def converted(lead_id: Any, *, after: Any, beside: tuple[Any, ...]) -> Any:
    """A lateral `converted`, in the same way."""
    theirs = select(literal(1).label("one")).where(Lead.id == lead_id, Lead.converted_at > after).limit(1)
    return theirs.correlate(*beside).lateral("converted")
