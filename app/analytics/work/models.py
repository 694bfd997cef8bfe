"""Tables of rollups of tasks: counts by local day of their due times."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ForeignKey, Identity, Index, Integer, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base

# An earlier version of the program counted the day.
WITHOUT_TYPES: Final = "types_rolled_up_at IS DISTINCT FROM rolled_up_at"


class TaskRollupDay(Base):
    """The tasks due on a local day, without cancelled ones. It holds until a `TaskRollupChange` lies in it.

    The arrays have one entry for each assignee (`…_of_types`: for each type): tasks, those completed, and those
    completed on time.
    """

    __tablename__ = "task_rollup_days"
    __table_args__ = (
        Index("ix_task_rollup_days_without_types", "clinic_id", "starts_at", postgresql_where=text(WITHOUT_TYPES)),
    )

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id", ondelete="CASCADE"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    ends_at: Mapped[datetime]
    timezone: Mapped[str] = mapped_column(Text)  # of the clinic when it was counted
    rolled_up_at: Mapped[datetime]
    assignees: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    tasks: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    completed: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    on_time: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    types_rolled_up_at: Mapped[datetime | None]  # if it is not `rolled_up_at`, the counts by type do not hold
    types: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    tasks_of_types: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    completed_of_types: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    on_time_of_types: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))


class TaskRollupChange(Base):
    """A task due on an earlier day has changed. A trigger of the table `lead_tasks` or `leads` writes it at once."""

    __tablename__ = "task_rollup_changes"
    __table_args__ = (Index("ix_task_rollup_changes_clinic", "clinic_id", "due_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id", ondelete="CASCADE"))
    due_at: Mapped[datetime]  # of the task
