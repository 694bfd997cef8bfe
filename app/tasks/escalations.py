"""Open escalations: tasks that a step of the kind `escalate` created and that are not closed."""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.engine.models import Kind
from app.tasks.models import OPEN_TASKS

_FIND: Final = text(
    "SELECT t.lead_id, t.step_id FROM lead_tasks AS t JOIN steps AS s ON s.id = t.step_id"
    " WHERE t.lead_id = ANY(:leads) AND t.status = ANY(:open) AND t.deleted_at IS NULL AND s.kind = :kind"
)


def open_escalations(session: Session, lead_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
    """Return the id of the step that escalated each lead, by lead id, while its task is open."""
    if not lead_ids:
        return {}
    given = {"leads": list(lead_ids), "open": list(OPEN_TASKS), "kind": Kind.ESCALATE}
    return {row.lead_id: row.step_id for row in session.execute(_FIND, given)}
