"""Errors about the state of a task."""

from app.errors import Conflict


class TaskIsClosed(Conflict):
    """The task is already completed or cancelled."""


class TaskIsOverdue(Conflict):
    """The task is overdue: complete it or reschedule it."""
