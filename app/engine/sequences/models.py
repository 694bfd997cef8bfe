"""Sequences and all their texts, as rules have theirs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id


class Sequence(Base):
    """A clinic's sequence, with the text that new enrollments get; all its texts are `sequence_versions`."""

    __tablename__ = "sequences"
    __table_args__ = (
        Index("uq_sequences_slug", "clinic_id", "slug", unique=True, postgresql_where=text("deleted_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    playbook: Mapped[str] = mapped_column(Text)  # where it came from; "" for the clinic's own
    slug: Mapped[str] = mapped_column(Text)
    definition: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))  # None: only drafts so far
    published: Mapped[int | None]  # the number of that version
    active: Mapped[bool] = mapped_column(default=True)
    paused_because: Mapped[str | None] = mapped_column(Text)  # the engine switched it off itself
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    updated_by: Mapped[UUID | None]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)  # counts its changes, as of everything that people edit


class SequenceVersion(Base):
    """One text of a sequence. What was published never changes: an enrollment goes through the one it began with."""

    __tablename__ = "sequence_versions"
    __table_args__ = (
        UniqueConstraint("sequence_id", "number"),
        Index("uq_sequence_versions_draft", "sequence_id", unique=True, postgresql_where=text("number IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    sequence_id: Mapped[UUID] = mapped_column(ForeignKey("sequences.id", ondelete="CASCADE"))
    number: Mapped[int | None]  # None: a draft
    definition: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
