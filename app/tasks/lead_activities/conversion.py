"""Convert tasks and timeline entries to lead activities."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.leads.timeline.models import ActivityType
from app.tasks.lead_activities.vocabulary_mapping import STATE_OF_STATUS, TYPE_OF_ENTRY, TYPE_OF_TASK, Kind, State
from app.tasks.models import TaskStatus, TaskType

MAX_SUBJECT_LENGTH = 200


def to_activities(session: Session, actor: Actor, rows: Sequence[Any]) -> list[JsonDict]:
    """Return tasks and timeline entries in the form of `LeadActivityOut`. Notes need the permission `lead:private`."""
    with_notes = actor.allows(Permission.LEAD_PRIVATE)
    ids = {row.lead_id for row in rows}
    became = select(Lead.id, Lead.converted_to_patient_id).where(Lead.id.in_(ids), *visible_to(actor))
    patients = {row.id: row.converted_to_patient_id for row in session.execute(became)} if ids else {}
    return [
        (_of_task if hasattr(row, "due_at") else _of_entry)(row, with_notes=with_notes)
        | {"customer_id": patients.get(row.lead_id)}
        for row in rows
    ]


def _of_task(task: Any, *, with_notes: bool) -> JsonDict:
    return {
        "id": task.id,
        "kind": Kind.TASK,
        "activity_type": TYPE_OF_TASK[TaskType(task.type)],
        "type": task.type,
        "opportunity_id": task.lead_id,
        "subject": task.title,
        "description": task.description,
        "completion_notes": task.completion_notes if with_notes else None,
        "status": STATE_OF_STATUS[TaskStatus(task.status)],
        "scheduled_date": task.due_at,
        "due_date": task.due_at,
        "completed_date": task.completed_at,
        "completed_by": task.completed_by,
        "assigned_to": task.assigned_to_id,
        "outcome": task.outcome,
        **_creation(task),
    }


def _of_entry(entry: Any, *, with_notes: bool) -> JsonDict:
    subject, description = _subject_and_description(entry.notes if with_notes else None)
    return {
        "id": entry.id,
        "kind": Kind.ENTRY,
        "activity_type": TYPE_OF_ENTRY[ActivityType(entry.type)],
        "type": entry.type,
        "opportunity_id": entry.lead_id,
        "subject": subject,
        "description": description,
        "completion_notes": None,
        "status": State.COMPLETED,
        "scheduled_date": entry.scheduled_for,
        "due_date": None,
        "completed_date": entry.occurred_at,
        "completed_by": entry.created_by,
        "assigned_to": entry.created_by,
        "outcome": entry.outcome,
        **_creation(entry),
    }


def _subject_and_description(notes: str | None) -> tuple[str | None, str | None]:
    """Return the first line of the notes, and the other lines; all of the notes if the first line is cut."""
    if not notes:
        return None, None
    subject, _, rest = notes.partition("\n")
    return subject[:MAX_SUBJECT_LENGTH], (rest or None) if len(subject) <= MAX_SUBJECT_LENGTH else notes


def _creation(row: Any) -> JsonDict:
    return {name: getattr(row, name) for name in ("created_by", "created_at", "step_id")}
