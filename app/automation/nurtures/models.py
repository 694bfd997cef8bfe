"""Nurtures: which leads a clinic takes into a sequence, and at which hours; and each time that it did."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, CheckConstraint, ForeignKey, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id


class Nurture(Base):
    """Whom a run takes, and when there is one. What then happens to them is the sequence's affair."""

    __tablename__ = "nurtures"
    __table_args__ = (
        UniqueConstraint("clinic_id", "name"),
        Index("ix_nurtures_next_run_at", "next_run_at", postgresql_where=text("next_run_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    playbook: Mapped[str] = mapped_column(Text)  # where it came from; "" for the clinic's own
    name: Mapped[str] = mapped_column(Text)  # a slug
    is_active: Mapped[bool] = mapped_column(Boolean)
    run_hours: Mapped[list[str]] = mapped_column(ARRAY(Text))  # on the clinic's wall, in order: 09:00, 14:00
    days: Mapped[list[str] | None] = mapped_column(ARRAY(Text))  # mon, tue, ...; None: every day
    score_from: Mapped[int] = mapped_column(SmallInteger)
    score_to: Mapped[int] = mapped_column(SmallInteger)
    silent_for: Mapped[str] = mapped_column(Text)  # a duration: nothing was heard of the lead for so long
    sequence: Mapped[str] = mapped_column(Text)  # its slug
    batch: Mapped[int] = mapped_column(SmallInteger)  # leads that one transaction takes
    most: Mapped[int | None]  # leads that one run takes; None: all that there are
    next_run_at: Mapped[datetime | None]  # None: it is switched off
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    updated_by: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(default=1)


class RunState(StrEnum):
    WAITING = "waiting"  # it is time, and nothing has been done yet
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"  # its nurture, or its sequence, was switched off: see its reason
    MISSED = "missed"  # nobody was there at its hour, nor soon after


class RunReason(StrEnum):
    """Why a run ended before its end, or never began."""

    NURTURE_INACTIVE = "nurture_inactive"
    SEQUENCE_INACTIVE = "sequence_inactive"
    TOO_LATE = "too_late"


class NurtureRun(Base):
    """One run: how far it got, and what came of the leads that it looked at."""

    __tablename__ = "nurture_runs"
    __table_args__ = (
        UniqueConstraint("nurture_id", "scheduled_for"),  # exactly once, however many beats there are
        Index(
            "ix_nurture_runs_open",
            text("worked_at NULLS FIRST"),
            "id",
            postgresql_where=text("finished_at IS NULL"),
        ),
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in RunState)})", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no key of its own: its nurture has one
    nurture_id: Mapped[UUID] = mapped_column(ForeignKey("nurtures.id", ondelete="CASCADE"))
    scheduled_for: Mapped[datetime]
    asked_by: Mapped[UUID | None]  # None: it was its hour
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime | None]
    worked_at: Mapped[datetime | None]  # when its last batch was taken: of several runs each gets its turn
    finished_at: Mapped[datetime | None]
    reached_score: Mapped[int | None] = mapped_column(SmallInteger)  # the last lead that it looked at
    reached_id: Mapped[UUID | None]
    taken: Mapped[int] = mapped_column(default=0)
    refused: Mapped[dict[str, Any]]  # how many by what the sequence has against them
