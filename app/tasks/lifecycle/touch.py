"""Shared by all changes of a task."""

from datetime import datetime

from app.tasks.models import Task


def touch(task: Task, *, at: datetime) -> None:
    """Update the change time and the version."""
    task.updated_at = at
    task.version += 1
