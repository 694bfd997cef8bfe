"""Look up owners of leads and assignees of tasks, for viewers with a limited scope."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.db import transaction
from app.core.live_events.entries import LiveKind
from app.core.type_aliases import JsonObject
from app.ops.live_updates.viewer import Owners

_LEADS = text("SELECT id, assigned_to_id FROM leads WHERE clinic_id = :clinic AND id = ANY(:ids)")
_TASKS = text("SELECT id, assigned_to_id FROM lead_tasks WHERE clinic_id = :clinic AND id = ANY(:ids)")


def load_owners(clinic_id: UUID, content: JsonObject) -> Owners:
    """Return the present owners of the objects of an entry. Database errors propagate."""
    items = [(kind, *item[:2]) for kind, changed in content["kinds"].items() for item in changed["items"]]
    leads = {lead_id for _, _, lead_id in items if lead_id}
    tasks = {object_id for kind, object_id, _ in items if kind == LiveKind.TASK_CHANGED}
    if not leads:
        return Owners()
    with transaction() as session:
        return Owners(_load(session, "leads", clinic_id, leads), _load(session, "tasks", clinic_id, tasks))


def _load(session: Session, what: str, clinic_id: UUID, ids: Collection[str]) -> dict[str, str | None]:
    if not ids:
        return {}
    rows = session.execute(_LEADS if what == "leads" else _TASKS, {"clinic": clinic_id, "ids": [*map(UUID, ids)]})
    return {str(row.id): str(row.assigned_to_id) if row.assigned_to_id else None for row in rows}
