"""Jobs over many leads, item by item."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id


class JobState(StrEnum):
    RUNNING = "running"
    DONE = "done"  # every item has ended, well or not
    CANCELLED = "cancelled"


class ItemStatus(StrEnum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ItemReason(StrEnum):
    """Why an item failed; or, of one that is done, what was done with a lead that was there already."""

    DUPLICATE = "duplicate"  # the same lead stands earlier in the list
    UNKNOWN_LEAD = "unknown_lead"  # or another clinic's, which is the same
    LEAD_IS_LOCKED = "lead_is_locked"  # a patient by now
    LEAD_IS_CLOSED = "lead_is_closed"  # lost or archived
    LEAD_IS_RESTRICTED = "lead_is_restricted"  # nothing may be done with it
    INVALID = "invalid"  # a new lead with mistakes
    NOBODY_TO_ASSIGN = "nobody_to_assign"
    CRASHED = "crashed"  # neither foreseen nor the other items' problem
    SKIPPED = "skipped"
    UPDATED = "updated"
    UNMATCHED = "unmatched"  # a rule does not want anything of it
    HAS_STEPS = "has_steps"  # it got what the rule wants before
    ALREADY_IN = "already_in"  # of a sequence, as what follows: it is in it
    IN_ANOTHER = "in_another"  # and both are exclusive
    BEEN_BEFORE = "been_before"
    TOO_SOON = "too_soon"
    OPTED_OUT = "opted_out"
    SEQUENCE_INACTIVE = "sequence_inactive"
    CANNOT_MOVE = "cannot_move"  # to the other version: its step is under way, or has no place there
    NO_LONGER_IN = "no_longer_in"


class Job(Base):
    """A follow-up for many leads, asked for in one call and worked off in chunks."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
        Index(
            "uq_jobs_client_key",
            "clinic_id",
            "client_key",
            unique=True,
            postgresql_where=text("client_key IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    client_key: Mapped[str | None] = mapped_column(Text)
    fingerprint: Mapped[str | None] = mapped_column(Text)  # the same key with another body is refused
    spec: Mapped[dict[str, Any]]  # the follow-up to make, without any person's data
    state: Mapped[str] = mapped_column(Text, default=JobState.RUNNING)
    total: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    cancelled: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]  # of a backfill: when the next lead has its turn
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]  # when its first chunk was worked off
    finished_at: Mapped[datetime | None]

    @property
    def pending(self) -> int:
        """How many items are still to be worked off."""
        return self.total - self.done - self.failed - self.cancelled

    @property
    def percent(self) -> float:
        """How much of it has ended, in per cent; 100 only when all of it has."""
        return int(1000 * (self.total - self.pending) / self.total) / 10 if self.total else 100.0


class JobItem(Base):
    """One lead of a job."""

    __tablename__ = "job_items"
    __table_args__ = (Index("ix_job_items_failed", "job_id", "position", postgresql_where=text("status = 'failed'")),)

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)  # from 0, in the order given
    lead_id: Mapped[UUID | None]
    lead_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # a new lead's fields, until it is one
    status: Mapped[str] = mapped_column(Text, default=ItemStatus.PENDING)
    reason: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    task_id: Mapped[UUID | None]


MOST_ITEMS: Final = 100_000
