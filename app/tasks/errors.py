"""What a task's state may refuse."""

from app.errors import Conflict


class TaskIsClosed(Conflict):
    """The task is completed or cancelled already."""


class TaskIsOverdue(Conflict):
    """The task is overdue: complete it, or move it."""
