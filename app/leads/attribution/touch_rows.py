"""Rows of `lead_touches`, for bulk inserts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.leads.attribution.touch_models import Touch

_EMPTY_ROW: Final[Mapping[str, Any]] = dict.fromkeys(column.name for column in Touch.__table__.columns)


def touch_row(clinic_id: UUID, lead_id: UUID, *, at: datetime, **columns: object) -> dict[str, Any]:
    """Return a row with every column of `lead_touches`; `columns` holds at least id, source_id and channel."""
    same = {"clinic_id": clinic_id, "lead_id": lead_id, "occurred_at": at, "created_at": at}
    return {**_EMPTY_ROW, **same, **columns}


def first_touch_row(lead: Mapping[str, Any], details: Mapping[str, Any] | None = None) -> dict[str, Any]:
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


def first_touch_columns(touch_id: UUID, source_id: UUID, at: datetime) -> dict[str, Any]:
    """Return the lead's columns `first_touch_*` and `last_touch_*`, both for its first touch."""
    of_touch = {"touch_id": touch_id, "touch_at": at, "touch_source_id": source_id}
    return {f"{which}_{name}": value for which in ("first", "last") for name, value in of_touch.items()}
