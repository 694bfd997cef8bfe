"""The open tasks of leads, as lists of leads read them.

Tasks are a package above leads, and own the table. Lead lists need the next task of each lead in one query, so they
read these columns of `lead_tasks`; a test holds them against the model `app.tasks.models.Task`.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class ReadModel(DeclarativeBase):
    """Base of models that only read: their metadata is no part of the schema."""


class OpenTask(ReadModel):
    """The columns of a task that lists of leads read."""

    __tablename__ = "lead_tasks"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(Uuid)
    lead_id: Mapped[UUID] = mapped_column(Uuid)
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    status: Mapped[str] = mapped_column(Text)


# For queries: spelled out, for indexes are partial, and a plan can't see into a parameter.
TO_BE_DONE = text("lead_tasks.status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')")
