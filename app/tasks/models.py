"""Tasks: follow-ups that a person has to do."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Integer, Text, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id


class TaskType(StrEnum):
    """The types of lead-management.md, and those that bansalcrm2-follow-up-guide.md has besides."""

    CALL = "CALL"
    EMAIL = "EMAIL"
    SMS = "SMS"
    VIDEO_CALL = "VIDEO_CALL"
    MEETING = "MEETING"  # in person
    FOLLOW_UP = "FOLLOW_UP"
    CONSULTATION_CONFIRM = "CONSULTATION_CONFIRM"
    PAPERWORK_REMINDER = "PAPERWORK_REMINDER"
    DOCUMENT_REVIEW = "DOCUMENT_REVIEW"
    APPLICATION_STATUS = "APPLICATION_STATUS"
    VISA_STATUS = "VISA_STATUS"
    TEST_SCORE_REVIEW = "TEST_SCORE_REVIEW"
    PAYMENT = "PAYMENT"
    SERVICE = "SERVICE"
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


class TaskOutcome(StrEnum):
    """What came of a task: the outcomes of simplepro-follow-up-automation.md, and those that a call has."""

    SUCCESSFUL = "successful"
    SPOKE = "spoke"
    NO_ANSWER = "no_answer"
    VOICEMAIL = "voicemail"
    WRONG_NUMBER = "wrong_number"
    CALLBACK_REQUESTED = "callback_requested"
    RESCHEDULED = "rescheduled"
    NOT_INTERESTED = "not_interested"
    CONVERTED = "converted"


DELETED = "deleted"  # the reason on a task that somebody deleted

# What is searched. `simple`: no language's endings are cut, for a clinic writes in any of them.
WORDS = "to_tsvector('simple'::regconfig, (title || ' '::text) || COALESCE(description, ''::text))"


class Task(Base):
    """A planned follow-up for a person (follow-up-management.md)."""

    __tablename__ = "lead_tasks"
    __table_args__ = (
        # With id and status: what is next for a lead is told by the index alone, however much was done before.
        Index("ix_lead_tasks_lead", "lead_id", "due_at", "id", "status"),
        Index(
            "ix_lead_tasks_mine",
            "assigned_to_id",
            "due_at",
            "id",
            postgresql_where=text("status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')"),
            postgresql_include=["clinic_id"],  # which row-level security asks: else no count is made without the rows
        ),
        Index(
            "ix_lead_tasks_mine_by_status",
            "assigned_to_id",
            "status",
            "due_at",
            "id",
            postgresql_where=text("status IN ('IN_PROGRESS', 'COMPLETED', 'CANCELLED')"),
        ),
        # The clinic's queue as it is due. Type and priority stand at the end of the key: a filter by them is told by
        # the index alone, however few there are. What is written most, a task that waits, is in the first only.
        Index(
            "ix_lead_tasks_falling_due",
            "clinic_id",
            "due_at",
            "id",
            "type",
            "priority",
            postgresql_where=text("status IN ('PENDING', 'IN_PROGRESS')"),
        ),
        Index(
            "ix_lead_tasks_by_status",
            "clinic_id",
            "status",
            "due_at",
            "id",
            "type",
            "priority",
            postgresql_where=text("status IN ('IN_PROGRESS', 'OVERDUE', 'COMPLETED', 'CANCELLED')"),
        ),
        Index("ix_lead_tasks_made", "clinic_id", "id", "type", "priority"),  # ids tell the time: newest or oldest first
        Index("ix_lead_tasks_made_by", "created_by", "due_at", "id", postgresql_where=text("created_by IS NOT NULL")),
        Index(
            "ix_lead_tasks_made_from",
            "task_template_id",
            "created_at",
            postgresql_where=text("task_template_id IS NOT NULL"),
        ),
        Index("ix_lead_tasks_pinned", "clinic_id", "due_at", "id", postgresql_where=text("pinned")),
        Index("ix_lead_tasks_tags", "tags", postgresql_using="gin", postgresql_where=text("tags <> '{}'")),
        # What rules say is found by their titles: the tasks that they make, which are most, cost nothing here. Few rows
        # wait to be sorted in, for nobody's insert shall have to do that for many others.
        Index(
            "ix_lead_tasks_words",
            text(WORDS),
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
            postgresql_where=text("own_words"),
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
    outcome: Mapped[str | None] = mapped_column(Text)  # a TaskOutcome
    completion_notes: Mapped[str | None] = mapped_column(Text)  # the same, in the person's words
    activity_id: Mapped[UUID | None]  # the entry of the timeline that it led to
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default="{}")
    pinned: Mapped[bool] = mapped_column(default=False, server_default=false())
    own_words: Mapped[bool] = mapped_column(default=True, server_default=true())  # else it says what its rule says
    snoozed_until: Mapped[datetime | None]
    step_id: Mapped[UUID | None]  # the automation step that made it
    task_template_id: Mapped[UUID | None]  # what it was made from
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
    deleted_at: Mapped[datetime | None]  # cancelled, and shown no more
    version: Mapped[int] = mapped_column(default=1)
