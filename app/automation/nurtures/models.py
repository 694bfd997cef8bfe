"""Tables of nurtures and of their runs."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict


class Nurture(Base):
    """A nurture: which leads are enrolled in a sequence, and at which hours."""

    __tablename__ = "nurtures"
    __table_args__ = (
        UniqueConstraint("clinic_id", "name"),
        Index("ix_nurtures_next_run_at", "next_run_at", postgresql_where=text("next_run_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    playbook: Mapped[str] = mapped_column(Text)  # playbook that installed it; "" if the clinic created it
    name: Mapped[str] = mapped_column(Text)  # a slug
    is_active: Mapped[bool] = mapped_column(Boolean)
    run_hours: Mapped[list[str]] = mapped_column(ARRAY(Text))  # in the clinic's local time, in order: 09:00, 14:00
    days: Mapped[list[str] | None] = mapped_column(ARRAY(Text))  # mon, tue, ...; None: every day
    score_from: Mapped[int] = mapped_column(SmallInteger)
    score_to: Mapped[int] = mapped_column(SmallInteger)
    silent_for: Mapped[str] = mapped_column(Text)  # duration: minimum time since the lead's last own activity
    sequence: Mapped[str] = mapped_column(Text)  # its slug
    batch: Mapped[int] = mapped_column(SmallInteger)  # maximum leads per transaction
    most: Mapped[int | None]  # maximum leads per run; None: no limit
    next_run_at: Mapped[datetime | None]  # None: inactive
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    updated_by: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(default=1)
    enrolled: ClassVar[Any]  # number of leads that its runs enrolled; set below, where runs are known


class RunState(StrEnum):
    """State of a run."""

    WAITING = "waiting"  # due, and not started
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"  # the nurture or the sequence became inactive; see its reason
    MISSED = "missed"  # no worker was running at its hour or soon after


class RunReason(StrEnum):
    """Why a run stopped early, or never started."""

    NURTURE_INACTIVE = "nurture_inactive"
    SEQUENCE_INACTIVE = "sequence_inactive"
    NO_GATEWAY = "no_gateway"  # the clinic has no gateway for the messages of the sequence
    NO_ACCOUNT = "no_account"  # the clinic has no sending account for them
    TOO_LATE = "too_late"


class NurtureRun(Base):
    """A run: its position, and the results of its leads."""

    __tablename__ = "nurture_runs"
    __table_args__ = (
        UniqueConstraint("nurture_id", "scheduled_for"),  # exactly once, even with several schedulers
        Index(
            "ix_nurture_runs_open",
            text("worked_at NULLS FIRST"),
            "id",
            postgresql_where=text("finished_at IS NULL"),
        ),
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in RunState)})", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: the nurture has one
    nurture_id: Mapped[UUID] = mapped_column(ForeignKey("nurtures.id", ondelete="CASCADE"))
    scheduled_for: Mapped[datetime]
    asked_by: Mapped[UUID | None]  # None: by schedule
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime | None]
    worked_at: Mapped[datetime | None]  # time of its last batch; the run with the oldest is processed next
    finished_at: Mapped[datetime | None]
    reached_score: Mapped[int | None] = mapped_column(SmallInteger)  # position after the last batch
    reached_id: Mapped[UUID | None]
    taken: Mapped[int] = mapped_column(default=0)
    refused: Mapped[JsonDict]  # number of leads by EnrollmentResult


Nurture.enrolled = column_property(
    select(func.coalesce(func.sum(NurtureRun.taken), 0))
    .where(NurtureRun.nurture_id == Nurture.id)
    .correlate_except(NurtureRun)
    .scalar_subquery(),
    deferred=True,  # only responses show it
)
