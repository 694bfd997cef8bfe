"""Reply and conversion lookups, and the time to first contact: shared by the dashboard and all reports.

`LIMIT 1` makes PostgreSQL look up each row by index instead of joining a large table.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Double, case, func, literal, select

from app.leads.enums import CaptureChannel
from app.leads.models import Lead
from app.leads.timeline.models import Activity, Direction

REPLY_DAYS: Final = 7
REPLY_WINDOW: Final = timedelta(days=REPLY_DAYS)


def replied_lateral(lead_id: object, *, after: object, until: object, beside: tuple[Any, ...]) -> Any:
    """Return a lateral subquery `replied` with a row if the lead replied in the period. Auto-replies do not count."""
    found = select(literal(1).label("one")).where(*_replies(lead_id, after, until)).limit(1)
    return found.correlate(*beside).lateral("replied")


def has_reply(lead_id: object, *, after: object, until: object) -> ColumnElement[bool]:
    """Return the condition that the lead replied in the period. Auto-replies do not count."""
    return select(literal(1)).where(*_replies(lead_id, after, until)).exists()


def _replies(lead_id: object, after: object, until: object) -> Sequence[ColumnElement[bool]]:
    return (
        Activity.lead_id == lead_id,
        Activity.direction == Direction.INBOUND,
        Activity.is_auto_reply.is_(False),
        Activity.counts_as.is_(None),
        Activity.occurred_at > after,
        Activity.occurred_at <= until,
    )


def converted_lateral(lead_id: object, *, after: object, beside: tuple[Any, ...]) -> Any:
    """Return a lateral subquery `converted_lateral` with a row if the lead converted after this time."""
    found = select(literal(1).label("one")).where(Lead.id == lead_id, Lead.converted_at > after).limit(1)
    return found.correlate(*beside).lateral("converted")


def has_time_to_contact() -> ColumnElement[bool]:
    """Return the condition that a lead counts in the time to first contact: it was not imported."""
    return Lead.capture_channel != CaptureChannel.IMPORT


def seconds_to_contact() -> Any:
    """Return the seconds from creation to first contact; null without contact. See `seconds_from_creation`."""
    return seconds_from_creation(Lead.first_contact_at)


def seconds_from_creation(at: Any) -> Any:
    """Return the seconds from a lead's creation, at least 0; null if `at` is.

    Imported leads and contacts logged later may have an earlier time.
    """
    return case((at < Lead.created_at, 0.0), else_=func.date_part("epoch", at - Lead.created_at, type_=Double()))
