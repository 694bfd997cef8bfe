"""Conditions on the creation time of leads. Ids are ordered by time, so indexes of ids find a period."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement

from app.leads.models import Lead

ID_CLOCK_SLACK: Final = timedelta(seconds=1)  # tolerance between the time in a lead's id and its `created_at`


def created_from(at: datetime) -> ColumnElement[bool]:
    """Return the condition that a lead was created at this time or later."""
    return (Lead.created_at >= at) & (Lead.id >= first_id_of(at - ID_CLOCK_SLACK))


def created_to(at: datetime) -> ColumnElement[bool]:
    """Return the condition that a lead was created before this time."""
    return (Lead.created_at < at) & (Lead.id < first_id_of(at + ID_CLOCK_SLACK))


def first_id_of(at: datetime) -> UUID:
    """Return the smallest id of this millisecond."""
    milliseconds = max(int(at.timestamp() * 1000), 0)
    return UUID(int=milliseconds << 80)
