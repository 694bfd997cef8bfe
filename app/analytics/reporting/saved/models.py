"""Saved reports."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict


class SavedReport(Base):
    """A report with its parameters, private or shared with the clinic, and the schedule of its e-mails."""

    __tablename__ = "saved_reports"
    __table_args__ = (
        UniqueConstraint("user_id", "name"),
        Index("ix_saved_reports_clinic", "clinic_id", "name", "id"),
        Index("ix_saved_reports_scheduled", "scheduled_at", postgresql_where=text("schedule IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))  # the owner
    name: Mapped[str] = mapped_column(Text)
    report: Mapped[str] = mapped_column(Text)  # a name of `app.analytics.reporting.catalogue`
    parameters: Mapped[JsonDict]  # as `parameters.to_json` returns them
    shared: Mapped[bool]
    schedule: Mapped[JsonDict | None] = mapped_column(
        JSONB(none_as_null=True)
    )  # as `schedules.Schedule.to_json` returns it
    scheduled_at: Mapped[datetime | None]  # since when the schedule holds: earlier e-mails are not sent
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
