"""Move open tasks to other users: the one path of assignment, reassignment, absence and offboarding."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.core.db import update_many
from app.core.live_events.changes import note, note_former_owner
from app.core.live_events.entries import About, LiveKind
from app.leads.assignment.owner_changes import OwnerChange
from app.tasks.models import Task

_OF_OWNERS: Final = text(
    "SELECT t.id, t.clinic_id, t.lead_id, change.from_id, change.to_id FROM lead_tasks t"
    " JOIN unnest(CAST(:leads AS uuid[]), CAST(:before AS uuid[]), CAST(:after AS uuid[]))"
    " AS change (lead_id, from_id, to_id) ON change.lead_id = t.lead_id AND change.from_id = t.assigned_to_id"
    " WHERE t.status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE') ORDER BY t.id FOR NO KEY UPDATE OF t"
)


def follow_owners(session: Session, changes: Sequence[OwnerChange], at: datetime) -> None:
    """Move the open tasks of the leads' previous owners to the new owners. Tasks of other users stay."""
    move_owners_tasks(session, changes, at=at)


def move_owners_tasks(session: Session, changes: Sequence[OwnerChange], *, at: datetime) -> list[UUID]:
    """Do the same as `follow_owners`, and return the new assignee of each moved task. The leads are locked."""
    leads, before, after = ([getattr(change, name) for change in changes] for name in OwnerChange._fields)
    found = session.execute(_OF_OWNERS, {"leads": leads, "before": before, "after": after}).all()
    set_assignees(session, {row.id: row.to_id for row in found}, at=at)
    for row in found:
        note(session, row.clinic_id, LiveKind.TASK_CHANGED, [(row.id, About(row.lead_id))])
        note_former_owner(session, row.clinic_id, row.id, row.from_id)
    return [row.to_id for row in found]


def set_assignees(session: Session, assignees: Mapping[UUID, UUID], *, at: datetime) -> None:
    """Set the assignee of each locked task, by task id. Reminders go to the user who has the task when they are due."""
    changes = [{"id": id_, "assigned_to_id": user_id, "updated_at": at} for id_, user_id in assignees.items()]
    update_many(session, Task, changes, ("assigned_to_id", "updated_at"), also="version = t.version + 1")
    for user_id in {*assignees.values()}:
        moved = [id_ for id_, to in assignees.items() if to == user_id]
        audit_log.note_change(session, "task", moved, act=Act.UPDATE, after={"assigned_to_id": user_id})
