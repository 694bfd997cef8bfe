"""Task service. The caller commits."""

from app.tasks.lifecycle.assignment_notices import notify_assignees
from app.tasks.lifecycle.cancellation import check_cancellation
from app.tasks.lifecycle.closing import cancel, check_completion, complete, delete
from app.tasks.lifecycle.create import check_new_task, create_for_named_lead, create_task
from app.tasks.lifecycle.edit import check_change, pin, snooze, start, update_task
from app.tasks.lifecycle.reassign import reassign
from app.tasks.lookup import my_tasks, overdue_tasks, read_task, tasks_of_lead
from app.tasks.queue.queue import list_tasks

__all__ = [
    "cancel",
    "check_cancellation",
    "check_change",
    "check_completion",
    "check_new_task",
    "complete",
    "create_for_named_lead",
    "create_task",
    "delete",
    "list_tasks",
    "my_tasks",
    "notify_assignees",
    "overdue_tasks",
    "pin",
    "read_task",
    "reassign",
    "snooze",
    "start",
    "tasks_of_lead",
    "update_task",
]
