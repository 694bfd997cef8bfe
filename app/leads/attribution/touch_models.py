"""Touches: every time a lead came to us, and by which way (lead-management.md, 8.1.2)."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id


class CaptureChannel(StrEnum):
    WEB_FORM = "WEB_FORM"
    PHONE = "PHONE"
    WALK_IN = "WALK_IN"
    REFERRAL_PROVIDER = "REFERRAL_PROVIDER"  # a dentist sent them
    REFERRAL_PATIENT = "REFERRAL_PATIENT"
    SOCIAL = "SOCIAL"
    MANUAL = "MANUAL"  # a business card, an event
    IMPORT = "IMPORT"
    API = "API"  # a program of the clinic's


class Touch(Base):
    """One time the lead came, from where, and what they agreed to then."""

    __tablename__ = "lead_touches"
    __table_args__ = (Index("ix_lead_touches_lead", "lead_id", "occurred_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no key of its own: its lead has one, and each check locks the clinic's row
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    source_id: Mapped[UUID]  # no key either: a source is never deleted, and every touch would lock its row
    channel: Mapped[str] = mapped_column(Text)
    campaign: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)
    medium: Mapped[str | None] = mapped_column(Text)
    utm_source: Mapped[str | None] = mapped_column(Text)
    utm_medium: Mapped[str | None] = mapped_column(Text)
    utm_campaign: Mapped[str | None] = mapped_column(Text)
    utm_term: Mapped[str | None] = mapped_column(Text)
    utm_content: Mapped[str | None] = mapped_column(Text)
    referrer: Mapped[str | None] = mapped_column(Text)  # an address without its query, which may name people
    landing_page: Mapped[str | None] = mapped_column(Text)
    form_id: Mapped[UUID | None]  # the web form it came through
    consent_text: Mapped[str | None] = mapped_column(Text)  # the wording they agreed to
    consent_at: Mapped[datetime | None]
    occurred_at: Mapped[datetime]
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
