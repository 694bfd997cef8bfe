"""Rows of `lead_touches`, for bulk inserts."""

from datetime import datetime
from typing import Final
from uuid import UUID

from app.core.type_aliases import ColumnDict, ColumnValues, JsonObject
from app.leads.attribution.touch_models import Touch

_EMPTY_ROW: Final[ColumnValues] = dict.fromkeys(column.name for column in Touch.__table__.columns)


def touch_row(clinic_id: UUID, lead_id: UUID, *, at: datetime, **columns: object) -> ColumnDict:
    """Return a row with every column of `lead_touches`; `columns` holds at least id, source_id and channel."""
    same = {"clinic_id": clinic_id, "lead_id": lead_id, "occurred_at": at, "created_at": at}
    return {**_EMPTY_ROW, **same, **columns}


def first_touch_row(lead: JsonObject, details: JsonObject | None = None) -> ColumnDict:
    """Return the first touch of a new lead (row). `details` holds fields of TouchDetails and of the web form."""
    return touch_row(
        lead["clinic_id"],
        lead["id"],
        at=lead["created_at"],
        id=lead["first_touch_id"],
        source_id=lead["source_id"],
        channel=lead["capture_channel"],
        campaign=lead.get("source_campaign"),
        detail=lead.get("source_detail"),
        created_by=lead["created_by"],
        **(details or {}),
    )


def first_touch_columns(touch_id: UUID, source_id: UUID, at: datetime) -> ColumnDict:
    """Return the lead's columns `first_touch_*` and `last_touch_*`, both for its first touch."""
    of_touch = {"touch_id": touch_id, "touch_at": at, "touch_source_id": source_id}
    return {f"{which}_{name}": value for which in ("first", "last") for name, value in of_touch.items()}
