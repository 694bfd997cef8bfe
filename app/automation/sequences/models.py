"""Tables of enrollments and of their finished steps."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, CheckConstraint, Double, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict


class EnrollmentState(StrEnum):
    """State of an enrollment."""

    ACTIVE = "active"  # its next step is planned, or it waits for a task
    PAUSED = "paused"
    COMPLETED = "completed"  # it finished the last step
    EXITED = "exited"  # ended before the last step; see its reason


LIVE: Final = (EnrollmentState.ACTIVE, EnrollmentState.PAUSED)
ENDED_BY: Final = "ended_by"  # in `cause`: the subject of the event that ended it, and its state before
IS_LIVE: Final = "state IN ('active', 'paused')"


class DisplayState(StrEnum):
    """State of an enrollment as shown in the API."""

    ACTIVE = EnrollmentState.ACTIVE.value
    HELD = "held"  # active, but its step failed: retry or skip the step to continue
    PAUSED = EnrollmentState.PAUSED.value
    COMPLETED = EnrollmentState.COMPLETED.value
    EXITED = EnrollmentState.EXITED.value


class PauseReason(StrEnum):
    """Reason of a paused enrollment."""

    BY_HAND = "by_hand"
    QUESTION = "question"  # a user decides whether the lead replied
    SEQUENCE_INACTIVE = "sequence_inactive"  # a step became due while the sequence was inactive


class Enrollment(Base):
    """Enrollment of a lead in one version of a sequence. Its next step is a row of `steps`."""

    __tablename__ = "enrollments"
    __table_args__ = (
        # Of two concurrent enrollments of a lead, one succeeds.
        Index("uq_enrollments_live_key", "lead_id", "sequence_id", "key", unique=True, postgresql_where=text(IS_LIVE)),
        Index(
            "uq_enrollments_exclusive",
            "lead_id",
            unique=True,
            postgresql_where=text(f"is_exclusive AND {IS_LIVE}"),
        ),
        Index("ix_enrollments_lead", "lead_id", "id"),
        Index("ix_enrollments_sequence", "sequence_id", "id"),
        Index("ix_enrollments_enrolled", "sequence_id", "enrolled_at"),
        Index("ix_enrollments_state", "sequence_id", "state", "id"),
        Index(
            "ix_enrollments_colleagues",
            "clinic_id",
            postgresql_where=text(f"colleague_key IS NOT NULL AND {IS_LIVE}"),
        ),
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in EnrollmentState)})", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: the lead has one, and each check would lock the clinic's row
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    sequence_id: Mapped[UUID] = mapped_column(ForeignKey("sequences.id"))
    sequence_version: Mapped[int]
    state: Mapped[str] = mapped_column(Text, default=EnrollmentState.ACTIVE)
    reason: Mapped[str | None] = mapped_column(Text)  # an ExitReason, or a PauseReason
    step: Mapped[str | None] = mapped_column(Text)  # name of the next or running step
    step_id: Mapped[UUID | None]  # row of that step; None: paused, or waiting for a task
    waits_for_task_id: Mapped[UUID | None]
    seconds_left: Mapped[float | None] = mapped_column(Double)  # if paused: remaining wait before the next step
    is_exclusive: Mapped[bool] = mapped_column(Boolean, default=False)
    exit_on: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)  # events that end it
    goal: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)  # events that end it as a success
    label: Mapped[str | None] = mapped_column(Text)  # tag that the enrollment added to the lead, and removes at its end
    colleague_key: Mapped[str | None] = mapped_column(
        Text
    )  # key of a custom field: a reply of one lead ends this for all leads with the same value
    key: Mapped[str] = mapped_column(Text, default="", server_default="")  # what it is about: `invoice=A`; empty: none
    cause: Mapped[JsonDict]  # ids and codes of the cause, as in `steps`
    enrolled_at: Mapped[datetime]
    enrolled_by: Mapped[UUID | None]  # None: by a rule
    changed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class EnrollmentStep(Base):
    """A finished step of an enrollment. Kept for reports after the row in `steps` is deleted."""

    __tablename__ = "enrollment_steps"
    __table_args__ = (
        Index("ix_enrollment_steps_enrollment", "enrollment_id", "id"),
        Index("ix_enrollment_steps_sequence", "sequence_id", "sequence_version", "step"),
        # Messages by time of creation, for reports of a period.
        Index("ix_enrollment_steps_written", "sequence_id", "at", postgresql_where=text("notification_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]
    enrollment_id: Mapped[UUID] = mapped_column(ForeignKey("enrollments.id", ondelete="CASCADE"))
    sequence_id: Mapped[UUID]
    sequence_version: Mapped[int]
    step: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    variant: Mapped[str | None] = mapped_column(Text)
    step_id: Mapped[UUID | None]
    notification_id: Mapped[UUID | None]
    task_id: Mapped[UUID | None]
    outcome: Mapped[str] = mapped_column(Text)  # done or skipped
    reason: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime]
