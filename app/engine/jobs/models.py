"""Bulk jobs over many leads, and their items."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict


class JobState(StrEnum):
    RUNNING = "running"
    DONE = "done"  # every item is done, failed or cancelled
    CANCELLED = "cancelled"


class ItemStatus(StrEnum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ItemReason(StrEnum):
    """Reasons why an item failed, or what was done with a lead that already existed."""

    DUPLICATE = "duplicate"  # the lead appears earlier in the list
    DUPLICATE_LEAD = "duplicate_lead"  # a lead of this person exists, and duplicates are refused
    UNKNOWN_LEAD = "unknown_lead"  # also for a lead of another clinic
    LEAD_IS_LOCKED = "lead_is_locked"  # converted to a patient
    LEAD_IS_CLOSED = "lead_is_closed"  # lost or archived
    LEAD_IS_RESTRICTED = "lead_is_restricted"  # processing is restricted
    INVALID = "invalid"  # invalid fields of a new lead
    NOBODY_TO_ASSIGN = "nobody_to_assign"
    CRASHED = "crashed"  # unexpected error
    SKIPPED = "skipped"
    UPDATED = "updated"
    UNMATCHED = "unmatched"  # the rule does not match the lead
    HAS_STEPS = "has_steps"  # the lead already has the rule's steps
    ALREADY_IN = "already_in"  # sequences (this and the following): already enrolled
    IN_ANOTHER = "in_another"  # enrolled in another sequence, and both are exclusive
    BEEN_BEFORE = "been_before"
    TOO_SOON = "too_soon"
    OPTED_OUT = "opted_out"
    SEQUENCE_INACTIVE = "sequence_inactive"
    CANNOT_MOVE = "cannot_move"  # not to the other version: its step is running, or that version has no such step
    NO_LONGER_IN = "no_longer_in"


_SCOPE: Final = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:")


def scoped_client_key(caller_id: UUID | None, key: str) -> str:
    """Return the stored form of a client key: each user and API key has its own keys."""
    return f"{caller_id}:{key}"


class Job(Base):
    """A follow-up for many leads, created by one request and processed in chunks."""

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
    scoped_key: Mapped[str | None] = mapped_column("client_key", Text)  # see `scoped_client_key`
    fingerprint: Mapped[str | None] = mapped_column(Text)  # the same key with another body is refused
    spec: Mapped[JsonDict]  # the follow-up to create, without personal data
    state: Mapped[str] = mapped_column(Text, default=JobState.RUNNING)
    total: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    cancelled: Mapped[int] = mapped_column(default=0)
    reached: Mapped[int] = mapped_column(default=0, server_default="0")  # position after the last processed item
    outlook: Mapped[JsonDict | None]  # preview of an import only: see `outlook.py`
    next_at: Mapped[datetime | None]  # backfill only: due time of the next lead
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]  # when its first chunk was processed
    finished_at: Mapped[datetime | None]

    @property
    def client_key(self) -> str | None:
        """The key as the caller gave it. Keys of older jobs are stored without the caller."""
        return _SCOPE.sub("", self.scoped_key) if self.scoped_key else None

    @property
    def pending(self) -> int:
        """Number of items still to process."""
        return self.total - self.done - self.failed - self.cancelled

    @property
    def percent(self) -> float:
        """Share of finished items in per cent, rounded down: 100 only when all have finished."""
        return int(1000 * (self.total - self.pending) / self.total) / 10 if self.total else 100.0


class JobItem(Base):
    """One lead of a job."""

    __tablename__ = "job_items"
    __table_args__ = (Index("ix_job_items_failed", "job_id", "position", postgresql_where=text("status = 'failed'")),)

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)  # from 0, in the order of the list
    lead_id: Mapped[UUID | None]
    lead_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # encrypted fields of a new lead, until it exists
    status: Mapped[str] = mapped_column(Text, default=ItemStatus.PENDING)
    reason: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    task_id: Mapped[UUID | None]
    matched_lead_id: Mapped[UUID | None]  # the lead with the same phone number or address, found or made before
    matched_position: Mapped[int | None]  # the earlier item of the same person, if it has made no lead


MAX_ITEMS: Final = 100_000
