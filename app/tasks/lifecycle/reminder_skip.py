"""Decide whether a task reminder is still needed. Pure.

`app.engine.plan.plan` plans reminders, from the rules with `before_due`; `app.automation.handlers.remind` sends them.
"""

from datetime import datetime

from app.core.type_aliases import JsonObject
from app.engine.models import Reason
from app.tasks.facts import TaskColumns
from app.tasks.models import OPEN_TASKS, TaskStatus


def reminder_skip_reason(task: TaskColumns | None, params: JsonObject, now: datetime) -> Reason | None:
    """Return why a reminder step with these params is skipped: the task is missing, closed, rescheduled or already due.

    Returns None if the reminder is needed.
    """
    if task is None:
        return Reason.TASK_GONE
    if task.status not in OPEN_TASKS:
        return Reason.TASK_CANCELLED if task.status == TaskStatus.CANCELLED else Reason.TASK_DONE
    if task.due_at != datetime.fromisoformat(params["task_due_at"]):
        return Reason.TASK_MOVED
    return Reason.TOO_LATE if task.due_at <= now else None
