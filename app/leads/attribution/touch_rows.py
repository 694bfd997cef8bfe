"""Touch rows as they are inserted, by whoever makes them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.leads.attribution.touch_models import Touch

_NOTHING_SAID: Final[Mapping[str, Any]] = dict.fromkeys(column.name for column in Touch.__table__.columns)


def touch_row(clinic_id: UUID, lead_id: UUID, *, at: datetime, **given: Any) -> dict[str, Any]:
    """A row of `lead_touches`, every column named; `given` holds its id, source and channel."""
    same = {"clinic_id": clinic_id, "lead_id": lead_id, "occurred_at": at, "created_at": at}
    return {**_NOTHING_SAID, **same, **given}


def first_touch(lead: Mapping[str, Any], details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The touch by which a new lead (its row) came; `details` are what `TouchDetails` reads, and what a form adds."""
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


def came_first(touch_id: UUID, source_id: UUID, at: datetime) -> dict[str, Any]:
    """What a new lead's row says of the touch by which it came: the first one, and for now the last."""
    of_touch = {"touch_id": touch_id, "touch_at": at, "touch_source_id": source_id}
    return {f"{which}_{name}": value for which in ("first", "last") for name, value in of_touch.items()}
