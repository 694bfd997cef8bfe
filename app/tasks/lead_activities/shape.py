"""Tasks and entries of the timeline, in the shape of lead activities."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.actor import Actor
from app.leads.lookup import visible_to
from app.leads.models import Lead
from app.leads.timeline.models import ActivityType
from app.tasks.lead_activities.vocabulary_mapping import OF_ENTRY, OF_STATUS, OF_TASK, Kind, State
from app.tasks.models import TaskStatus, TaskType

LONGEST_SUBJECT = 200


def shown(session: Session, actor: Actor, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Tasks and entries as `LeadActivityOut` shows them."""
    ids = {row.lead_id for row in rows}
    became = select(Lead.id, Lead.converted_to_patient_id).where(Lead.id.in_(ids), *visible_to(actor))
    patients = {row.id: row.converted_to_patient_id for row in session.execute(became)} if ids else {}
    return [
        (_of_task if hasattr(row, "due_at") else _of_entry)(row) | {"customer_id": patients.get(row.lead_id)}
        for row in rows
    ]


def _of_task(task: Any) -> dict[str, Any]:
    return {
        "id": task.id,
        "kind": Kind.TASK,
        "activity_type": OF_TASK[TaskType(task.type)],
        "type": task.type,
        "opportunity_id": task.lead_id,
        "subject": task.title,
        "description": task.completion_notes or task.description,
        "status": OF_STATUS[TaskStatus(task.status)],
        "scheduled_date": task.due_at,
        "due_date": task.due_at,
        "completed_date": task.completed_at,
        "completed_by": task.completed_by,
        "assigned_to": task.assigned_to_id,
        "outcome": task.outcome,
        **_made(task),
    }


def _of_entry(entry: Any) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": Kind.ENTRY,
        "activity_type": OF_ENTRY[ActivityType(entry.type)],
        "type": entry.type,
        "opportunity_id": entry.lead_id,
        "subject": entry.notes.partition("\n")[0][:LONGEST_SUBJECT] if entry.notes else None,
        "description": entry.notes,
        "status": State.COMPLETED,
        "scheduled_date": entry.scheduled_for,
        "due_date": None,
        "completed_date": entry.occurred_at,
        "completed_by": entry.created_by,
        "assigned_to": entry.created_by,
        "outcome": entry.outcome,
        **_made(entry),
    }


def _made(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("created_by", "created_at", "step_id")}
