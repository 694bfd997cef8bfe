"""Tasks whose time has come and gone."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.automation.events import Event, EventName
from app.automation.service import record
from app.identity.clinics import load_contexts
from app.leads.models import Lead
from app.sealed import open_rows
from app.tasks.facts import task_event

BATCH = 500

# Clinic by clinic, for so the queue's own index finds them; of all of them those that are late for longest.
_MARK = text(
    "WITH latest AS (SELECT t.id FROM clinics AS c CROSS JOIN LATERAL (SELECT id, due_at FROM lead_tasks"
    " WHERE clinic_id = c.id AND status IN ('PENDING', 'IN_PROGRESS') AND due_at < :now"
    " ORDER BY due_at, id LIMIT :batch) AS t ORDER BY t.due_at LIMIT :batch),"
    " late AS (SELECT id FROM lead_tasks JOIN latest USING (id) WHERE status IN ('PENDING', 'IN_PROGRESS')"
    " FOR UPDATE OF lead_tasks SKIP LOCKED)"
    " UPDATE lead_tasks AS t SET status = 'OVERDUE', updated_at = :now, version = version + 1"
    " FROM late WHERE t.id = late.id RETURNING t.*"
)


def mark_overdue(session: Session) -> int:
    """Mark one batch and record the event of each; marked tasks are not found again, so each fires once."""
    now = clock.now()
    tasks = session.execute(_MARK, {"now": now, "batch": BATCH}).all()
    if not tasks:
        return 0
    leads = {row.id: row for row in open_rows(Lead, session.execute(_leads({task.lead_id for task in tasks})))}
    events: dict[UUID, list[Event]] = defaultdict(list)
    for task in tasks:
        events[task.clinic_id].append(task_event(EventName.TASK_OVERDUE, task, leads[task.lead_id], now))
    for clinic_id, clinic in load_contexts(session, events).items():
        record(session, clinic, *events[clinic_id])
    return len(tasks)


def _leads(ids: set[UUID]) -> Any:
    table = Lead.__table__
    return select(table).where(table.c.id.in_(ids))
