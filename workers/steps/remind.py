"""`remind`: tell the assignee that a task is about to be due (follow-up-management.md)."""

from datetime import datetime

from app.automation.models import Reason
from app.tasks.models import OPEN_TASKS, TaskStatus
from workers.context import StepContext
from workers.messages import to_users
from workers.outcomes import Done, Outcome, Skip


def decide(context: StepContext) -> Outcome:
    """Remind, unless the task is done, moved, or its time has come anyway."""
    task = context.task
    if task is None:
        return Skip(Reason.TASK_GONE)
    if task.status not in OPEN_TASKS:
        return Skip(Reason.TASK_CANCELLED if task.status == TaskStatus.CANCELLED else Reason.TASK_DONE)
    if task.due_at != datetime.fromisoformat(context.params["task_due_at"]):
        return Skip(Reason.TASK_MOVED)
    if task.due_at <= context.now:
        return Skip(Reason.TOO_LATE)
    assignee = context.person(task.assigned_to_id)
    if assignee is None:
        return Skip(Reason.NOBODY_TO_TELL)
    effects = to_users(context, [assignee])
    return Done({"notification_ids": [n["id"] for n in effects.notifications]}, effects=effects)
