"""Rows of `lead_activities`, for bulk inserts."""

from datetime import datetime
from uuid import UUID

from app.core.db import new_id
from app.core.type_aliases import ColumnDict
from app.leads.timeline.models import Activity
from app.security.encrypted_fields import encrypt_row


def activity_row(clinic_id: UUID, lead_id: UUID, *, at: datetime, **columns: object) -> ColumnDict:
    """Return a row with every column of `lead_activities`, encrypted. `columns` holds at least `type`."""
    row = {
        "id": new_id(),
        "clinic_id": clinic_id,
        "lead_id": lead_id,
        "channel": None,
        "direction": None,
        "outcome": None,
        "counts_as": None,
        "is_auto_reply": False,
        "notes": None,
        "duration_minutes": None,
        "scheduled_for": None,
        "task_id": None,
        "previous_stage": None,
        "new_stage": None,
        "occurred_at": at,
        "created_at": at,
        "created_by": None,
        "step_id": None,
    } | columns
    return encrypt_row(Activity, row)
