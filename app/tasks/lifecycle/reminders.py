"""Whether somebody is still reminded of a task. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.engine.models import Reason
from app.tasks.models import OPEN_TASKS, TaskStatus


def why_not_remind(task: Any, params: Mapping[str, Any], now: datetime) -> Reason | None:
    """Why the step with these params reminds nobody: the task is gone, done, moved, or its time has come anyway."""
    if task is None:
        return Reason.TASK_GONE
    if task.status not in OPEN_TASKS:
        return Reason.TASK_CANCELLED if task.status == TaskStatus.CANCELLED else Reason.TASK_DONE
    if task.due_at != datetime.fromisoformat(params["task_due_at"]):
        return Reason.TASK_MOVED
    return Reason.TOO_LATE if task.due_at <= now else None
