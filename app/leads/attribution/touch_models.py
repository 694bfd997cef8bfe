"""Marketing touches of leads, for attribution (lead-management.md, 8.1.2)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id


class Touch(Base):
    """One contact by the lead, with its source, campaign and consent."""

    __tablename__ = "lead_touches"
    __table_args__ = (Index("ix_lead_touches_lead", "lead_id", "occurred_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: the lead has one, and each check would lock the clinic's row
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    source_id: Mapped[UUID]  # no foreign key: sources are never deleted, and each touch would lock the source's row
    channel: Mapped[str] = mapped_column(Text)
    campaign: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)
    medium: Mapped[str | None] = mapped_column(Text)
    utm_source: Mapped[str | None] = mapped_column(Text)
    utm_medium: Mapped[str | None] = mapped_column(Text)
    utm_campaign: Mapped[str | None] = mapped_column(Text)
    utm_term: Mapped[str | None] = mapped_column(Text)
    utm_content: Mapped[str | None] = mapped_column(Text)
    referrer: Mapped[str | None] = mapped_column(Text)  # URL without its query, which may hold personal data
    landing_page: Mapped[str | None] = mapped_column(Text)
    form_id: Mapped[UUID | None]  # the web form it came through
    consent_text: Mapped[str | None] = mapped_column(Text)  # the wording that the person agreed to
    consent_at: Mapped[datetime | None]
    occurred_at: Mapped[datetime]
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
