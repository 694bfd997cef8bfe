"""Pipeline stages."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id

CONTACTED = "contacted"  # the stage of leads with which a user has been in contact
LOST = "lost"
STARTED = "treatment_started"

MOST_STAGES = 50
LONGEST_STAGE_SLUG, LONGEST_STAGE_NAME, LONGEST_STAGE_DESCRIPTION = 60, 60, 500
MOST_DAYS_IN_STAGE = 3650
STAGE_SLUG = "^[a-z][a-z0-9_]*$"
STAGE_COLOR, LONGEST_STAGE_COLOR = "^#[0-9a-fA-F]{6}$", 7  # such as #c2502f


class PipelineStage(Base):
    """Stage of a clinic's pipeline (lead-management.md, 8.1.3)."""

    __tablename__ = "pipeline_stages"
    __table_args__ = (
        UniqueConstraint("clinic_id", "slug"),
        Index("ix_pipeline_stages_clinic_position", "clinic_id", "position"),
        Index("ix_pipeline_stages_archived", "clinic_id", "slug", postgresql_where=text("archived_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)
    slug: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    position: Mapped[int]
    color: Mapped[str | None] = mapped_column(Text)
    max_days_in_stage: Mapped[int | None]
    is_terminal: Mapped[bool] = mapped_column(default=False)
    is_default: Mapped[bool] = mapped_column(default=False)
    archived_at: Mapped[datetime | None]  # no lead can enter it
    moves_to: Mapped[str | None] = mapped_column(Text)  # slug of the stage that gets its leads
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
