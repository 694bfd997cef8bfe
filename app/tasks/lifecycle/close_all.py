"""Ending all tasks of a lead at once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.tasks.models import OPEN_TASKS, Task, TaskStatus


def cancel_open_tasks(session: Session, lead_id: UUID, reason: str, at: datetime) -> None:
    """Nobody has to do them any more. The caller has locked the lead, and stops what is pending for it."""
    session.execute(
        update(Task)
        .where(Task.lead_id == lead_id, Task.status.in_(OPEN_TASKS))
        .values(status=TaskStatus.CANCELLED, cancelled_reason=reason, updated_at=at, version=Task.version + 1)
        .execution_options(synchronize_session=False)
    )
