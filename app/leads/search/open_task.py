"""Read model of open tasks, for lists of leads.

`app.tasks` is a layer above and owns the table `lead_tasks`. Lists of leads need each lead's next task in one query, so
they read these columns. A test compares them with the model `app.tasks.models.Task`.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class ReadModel(DeclarativeBase):
    """Base of read models. Their metadata is not part of the database schema."""


class OpenTask(ReadModel):
    """Columns of a task that lists of leads read."""

    __tablename__ = "lead_tasks"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(Uuid)
    lead_id: Mapped[UUID] = mapped_column(Uuid)
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    status: Mapped[str] = mapped_column(Text)


# For queries. Literals, because the planner matches partial indexes only with literals, not with parameters.
IS_OPEN_TASK = text("lead_tasks.status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')")
