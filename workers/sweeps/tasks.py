"""Overdue tasks."""

from collections import defaultdict
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import AnySelect
from app.engine.events.chains import chains_of
from app.engine.events.events import FEW, NO_CHAIN, Event, EventName
from app.engine.service import record
from app.identity.clinics import load_contexts
from app.leads.models import Lead
from app.security.encrypted_fields import decrypt_rows
from app.tasks.facts import task_event

BATCH = 500

# Clinic by clinic, so that the index of the work queue is used. The oldest due tasks come first.
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
    """Set one batch of tasks to OVERDUE and record an event for each. Returns their number.

    An overdue task is not found again, so its event fires once.
    """
    now = clock.now()
    tasks = session.execute(_MARK, {"now": now, "batch": BATCH}).all()
    if not tasks:
        return 0
    leads = {row.id: row for row in decrypt_rows(Lead, session.execute(_leads({task.lead_id for task in tasks})))}
    # The event continues the chain of the step that made the task, so that an escalation is not escalated every day.
    chains = chains_of(session, {task.step_id for task in tasks if task.step_id})
    events: dict[UUID, list[Event]] = defaultdict(list)
    for task in tasks:
        overdue = task_event(EventName.TASK_OVERDUE, task, leads[task.lead_id], now)
        events[task.clinic_id].append(overdue.with_chain(chains.get(task.step_id, NO_CHAIN)))
    for clinic_id, clinic in load_contexts(session, events).items():
        record(session, clinic, *events[clinic_id], of_many=len(events[clinic_id]) > FEW)
    return len(tasks)


def _leads(ids: set[UUID]) -> AnySelect:
    table = Lead.__table__
    return select(table).where(table.c.id.in_(ids))
