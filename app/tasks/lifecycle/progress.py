"""What every change of a task has in common."""

from datetime import datetime

from app.tasks.models import Task


def touch(task: Task, *, at: datetime) -> None:
    """Note that the task changed, and when."""
    task.updated_at = at
    task.version += 1
