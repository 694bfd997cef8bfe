"""Tasks: follow-ups that a person has to do."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, new_id


class TaskType(StrEnum):
    CALL = "CALL"
    EMAIL = "EMAIL"
    SMS = "SMS"
    FOLLOW_UP = "FOLLOW_UP"
    CONSULTATION_CONFIRM = "CONSULTATION_CONFIRM"
    PAPERWORK_REMINDER = "PAPERWORK_REMINDER"
    CUSTOM = "CUSTOM"


class TaskPriority(StrEnum):
    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    URGENT = "URGENT"


class TaskStatus(StrEnum):
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    OVERDUE = "OVERDUE"  # still to be done, and late


OPEN_TASKS = (TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.OVERDUE)
# For queries: spelled out, for indexes are partial, and a plan can't see into a parameter.
TO_BE_DONE = text("lead_tasks.status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')")


class Task(Base):
    """A planned follow-up for a person (follow-up-management.md)."""

    __tablename__ = "lead_tasks"
    __table_args__ = (
        Index("ix_lead_tasks_lead", "lead_id", "due_at"),
        Index(
            "ix_lead_tasks_mine",
            "assigned_to_id",
            "due_at",
            "id",
            postgresql_where=text("status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')"),
        ),
        Index(
            "ix_lead_tasks_mine_by_status",
            "assigned_to_id",
            "status",
            "due_at",
            "id",
            postgresql_where=text("status IN ('IN_PROGRESS', 'COMPLETED', 'CANCELLED')"),
        ),
        Index(
            "ix_lead_tasks_overdue",
            "clinic_id",
            "due_at",
            "id",
            postgresql_where=text("status = 'OVERDUE'"),
        ),
        Index(
            "ix_lead_tasks_falling_due",
            "due_at",
            postgresql_where=text("status IN ('PENDING', 'IN_PROGRESS')"),
        ),
        CheckConstraint(f"status IN ({', '.join(repr(s.value) for s in TaskStatus)})", name="status"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no key of its own: its lead has one, and each check locks the clinic's row
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    priority: Mapped[str] = mapped_column(Text, default=TaskPriority.NORMAL)
    assigned_to_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    due_at: Mapped[datetime]
    reminder_minutes: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))  # before due; None: the rule's
    status: Mapped[str] = mapped_column(Text, default=TaskStatus.PENDING)
    completed_at: Mapped[datetime | None]
    completed_by: Mapped[UUID | None]
    cancelled_reason: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)  # what came of it, in the person's words
    snoozed_until: Mapped[datetime | None]
    step_id: Mapped[UUID | None]  # the automation step that made it
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(default=1)
