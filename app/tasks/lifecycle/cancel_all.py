"""Cancel all open tasks of a lead."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.tasks.models import OPEN_TASKS, Task, TaskStatus


def cancel_open_tasks(session: Session, lead_id: UUID, reason: str, at: datetime) -> None:
    """Cancel the lead's open tasks. The caller locks the lead and cancels its pending steps."""
    session.execute(
        update(Task)
        .where(Task.lead_id == lead_id, Task.status.in_(OPEN_TASKS))
        .values(status=TaskStatus.CANCELLED, cancelled_reason=reason, updated_at=at, version=Task.version + 1)
        .execution_options(synchronize_session=False)
    )
