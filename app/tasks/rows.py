"""Task rows to insert, for users, steps and jobs."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Final
from uuid import UUID

from app.core.db import new_id
from app.core.type_aliases import ColumnDict, JsonDict
from app.engine.events.events import Event, EventName
from app.identity.clinic_context import ClinicContext
from app.leads.events import LeadColumns
from app.tasks.facts import task_event
from app.tasks.models import TaskPriority, TaskStatus, TaskType

MOST_TAGS: Final = 20  # of one task
MOST_REMINDERS: Final = 5
EARLIEST_REMINDER: Final = timedelta(days=30)  # before the due time
TO_ACT: Final = timedelta(hours=1)  # business time to act on an escalation


def task_row(clinic_id: UUID, lead_id: UUID, *, at: datetime, **given: object) -> ColumnDict:
    """Return a row of `lead_tasks` with every column, so that many can be inserted with one statement.

    `given` holds title, type, assigned_to_id and due_at, and may hold any other column.
    """
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "lead_id": lead_id,
        "description": None,
        "priority": TaskPriority.NORMAL,
        "reminder_minutes": None,
        "tags": [],
        "own_words": True,
        "asks_for_contact": False,
        "status": TaskStatus.PENDING,
        "step_id": None,
        "key": None,
        "task_template_id": None,
        "created_at": at,
        "updated_at": at,
        "created_by": None,
        "version": 1,
    } | given


def escalation_row(clinic: ClinicContext, lead_id: UUID, *, at: datetime, **given: object) -> ColumnDict:
    """Return the row of an urgent task that is due within a business hour."""
    return urgent_row(clinic.id, lead_id, at=at, due_at=clinic.calendar.due_after(at, TO_ACT), **given)


def urgent_row(clinic_id: UUID, lead_id: UUID, *, at: datetime, **given: object) -> ColumnDict:
    """Return the row of an urgent call. It has no reminders."""
    return task_row(
        clinic_id,
        lead_id,
        at=at,
        type=TaskType.CALL,
        priority=TaskPriority.URGENT,
        reminder_minutes=[],
        own_words=False,
        **given,
    )


def task_created(task: JsonDict, lead: LeadColumns) -> Event:
    """Return the event for a task row that is being inserted."""
    return task_event(EventName.TASK_CREATED, SimpleNamespace(**task), lead, task["created_at"])
