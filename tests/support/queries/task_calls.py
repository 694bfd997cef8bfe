"""Calls of task functions with sample values."""

from typing import Any

from sqlalchemy.orm import Session

from app.tasks import service as tasks
from tests.support.large_clinic import LargeClinic


def queue(session: Session, large: LargeClinic, query: Any) -> Any:
    return tasks.list_tasks(session, large.actor, {"sort": "due_at", **query})
