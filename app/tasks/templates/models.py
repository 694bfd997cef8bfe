"""Task templates: common follow-ups, planned by hand or when a lead enters a stage."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id

LONGEST_TEMPLATE_NAME: Final = 100
LONGEST_TASK_DESCRIPTION: Final = 5000


class TaskTemplate(Base):
    """A template for tasks (follow-up-management.md)."""

    __tablename__ = "task_templates"
    __table_args__ = (UniqueConstraint("clinic_id", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)  # may contain merge fields, like the description
    description: Mapped[str | None] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    priority: Mapped[str] = mapped_column(Text)
    due_in: Mapped[str] = mapped_column(Text)  # duration, such as "1 day 4 hours"
    business_time: Mapped[bool]  # counted in the clinic's opening hours
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    stage: Mapped[str | None] = mapped_column(Text)  # slug: leads that enter this stage get the task
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
