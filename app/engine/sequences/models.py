"""Sequences and their versions. The tables mirror those of rules."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.engine.versioned_models import DefinitionVersion, VersionedDefinition


class SequenceRow(VersionedDefinition, Base):
    """A clinic's sequence, with the definition for new enrollments; `sequence_versions` has all its versions."""

    __tablename__ = "sequences"
    __table_args__ = (
        Index("uq_sequences_slug", "clinic_id", "slug", unique=True, postgresql_where=text("deleted_at IS NULL")),
    )


class SequenceVersion(DefinitionVersion, Base):
    """One version of a sequence. An enrollment keeps the version with which it began, unless it is moved."""

    __tablename__ = "sequence_versions"
    __table_args__ = (
        UniqueConstraint("sequence_id", "number"),
        Index("uq_sequence_versions_draft", "sequence_id", unique=True, postgresql_where=text("number IS NULL")),
    )

    sequence_id: Mapped[UUID] = mapped_column(ForeignKey("sequences.id", ondelete="CASCADE"))
