"""Tasks: follow-ups for a person."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    Text,
    false,
    func,
    literal_column,
    text,
    true,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from app.core.database.arrays import PlainArray
from app.core.db import Base, new_id


class TaskType(StrEnum):
    """Task types of lead-management.md and bansalcrm2-follow-up-guide.md."""

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


TYPE_LABELS = {type_: type_.replace("_", " ").capitalize() for type_ in TaskType} | {
    TaskType.EMAIL: "E-mail",
    TaskType.SMS: "Text message",
    TaskType.CONSULTATION_CONFIRM: "Confirmation of a consultation",
    TaskType.CUSTOM: "Other",
}
TASK_TYPE_WORDS = {"PHONE_CALL": TaskType.CALL}  # accepted besides: the word for activities


class TaskPriority(StrEnum):
    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    URGENT = "URGENT"


# Accepted besides: small letters, and the word of the source documents.
PRIORITY_WORDS = {
    **{priority.value.lower(): priority for priority in TaskPriority},
    **dict.fromkeys(("medium", "MEDIUM"), TaskPriority.NORMAL),
}


class TaskStatus(StrEnum):
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    OVERDUE = "OVERDUE"  # open and past its due time


OPEN_TASKS = (TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.OVERDUE)


DELETED = "deleted"  # `cancelled_reason` of a deleted task

# Full-text search expression. `simple`: no stemming, because clinics write in any language.
SEARCH_VECTOR = "to_tsvector('simple'::regconfig, folded_name((title || ' '::text) || COALESCE(description, ''::text)))"
PRIORITY_ORDER = "'{URGENT,HIGH,NORMAL,LOW}'::text[]"


class Task(Base):
    """A planned follow-up for a person (follow-up-management.md)."""

    __tablename__ = "lead_tasks"
    private_fields = frozenset({"completion_notes"})
    __table_args__ = (
        # Includes id and status, so that a lead's next task is found with an index-only scan.
        Index("ix_lead_tasks_lead", "lead_id", "due_at", "id", "status"),
        Index(
            "ix_lead_tasks_mine",
            "assigned_to_id",
            "due_at",
            "id",
            postgresql_where=text("status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')"),
            postgresql_include=["clinic_id"],  # needed by row-level security, so that counting is an index-only scan
        ),
        Index(
            "ix_lead_tasks_mine_by_status",
            "assigned_to_id",
            "status",
            "due_at",
            "id",
            postgresql_where=text("status IN ('IN_PROGRESS', 'COMPLETED', 'CANCELLED')"),
        ),
        # The clinic's queue by due time. Type and priority at the end of the key allow filtering on the index alone.
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
        Index("ix_lead_tasks_made", "clinic_id", "id", "type", "priority"),  # ids are ordered by time
        Index("ix_lead_tasks_made_by", "created_by", "due_at", "id", postgresql_where=text("created_by IS NOT NULL")),
        Index(
            "ix_lead_tasks_made_from",
            "task_template_id",
            "created_at",
            postgresql_where=text("task_template_id IS NOT NULL"),
        ),
        Index(
            "ix_lead_tasks_related_activity",
            "related_activity_id",
            "id",
            postgresql_where=text("related_activity_id IS NOT NULL"),
        ),
        Index(
            "ix_lead_tasks_urgent",
            "clinic_id",
            text(f"array_position({PRIORITY_ORDER}, priority)"),
            "due_at",
            "id",
            postgresql_where=text("status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')"),
        ),
        # For analytics: an index-only scan of the tasks due in a period.
        Index(
            "ix_lead_tasks_due",
            "clinic_id",
            "due_at",
            postgresql_where=text("status <> 'CANCELLED' AND deleted_at IS NULL"),
            postgresql_include=["lead_id", "assigned_to_id", "status", "completed_at"],
        ),
        Index("ix_lead_tasks_pinned", "clinic_id", "due_at", "id", postgresql_where=text("pinned")),
        Index("ix_lead_tasks_tags", "tags", postgresql_using="gin", postgresql_where=text("tags <> '{}'")),
        # Tasks of rules are found by the rules' titles, so this index skips them.
        Index(
            "ix_lead_tasks_texts",
            text(SEARCH_VECTOR),
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
            postgresql_where=text("own_words"),
        ),
        CheckConstraint(f"status IN ({', '.join(repr(s.value) for s in TaskStatus)})", name="status"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: checking it would lock the clinic's row
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    priority: Mapped[str] = mapped_column(Text, default=TaskPriority.NORMAL)
    # 1: URGENT. An index has this expression, because a generated column would rewrite the table while it is locked.
    priority_rank: Mapped[int] = column_property(
        func.array_position(literal_column(PRIORITY_ORDER), priority, type_=Integer), deferred=True
    )
    assigned_to_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    due_at: Mapped[datetime]
    reminder_minutes: Mapped[list[int] | None] = mapped_column(PlainArray(Integer))  # None: the rule decides
    status: Mapped[str] = mapped_column(Text, default=TaskStatus.PENDING)
    completed_at: Mapped[datetime | None]
    completed_by: Mapped[UUID | None]
    cancelled_reason: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)  # an Outcome
    completion_notes: Mapped[str | None] = mapped_column(Text)  # free text
    activity_id: Mapped[UUID | None]  # timeline entry logged with its completion
    tags: Mapped[list[str]] = mapped_column(PlainArray(Text), default=list, server_default="{}")
    pinned: Mapped[bool] = mapped_column(default=False, server_default=false())
    own_words: Mapped[bool] = mapped_column(default=True, server_default=true())  # False: a rule wrote the texts
    snoozed_until: Mapped[datetime | None]
    asks_for_contact: Mapped[bool] = mapped_column(default=False, server_default=false())  # a contact completes it
    step_id: Mapped[UUID | None]  # automation step that created it
    key: Mapped[str | None] = mapped_column(Text)  # of the enrollment that made it: see `engine.events.keys`
    task_template_id: Mapped[UUID | None]  # template that it was created from
    related_activity_id: Mapped[UUID | None]  # timeline entry that it was created from
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
    deleted_at: Mapped[datetime | None]  # cancelled and hidden
    version: Mapped[int] = mapped_column(default=1)
