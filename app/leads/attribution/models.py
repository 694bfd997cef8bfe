"""Lead sources."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Numeric, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id


class SourceCategory(StrEnum):
    DOCTOR_REFERRAL = "DOCTOR_REFERRAL"
    PATIENT_REFERRAL = "PATIENT_REFERRAL"
    WEB_ORGANIC = "WEB_ORGANIC"
    WEB_PAID = "WEB_PAID"
    WEB_SOCIAL = "WEB_SOCIAL"
    PRINT_AD = "PRINT_AD"
    COMMUNITY_EVENT = "COMMUNITY_EVENT"
    SCHOOL_SCREENING = "SCHOOL_SCREENING"
    WALK_IN = "WALK_IN"
    OTHER = "OTHER"


class LeadSource(Base):
    """Lead source defined by a clinic (lead-management.md, 8.1.2)."""

    __tablename__ = "lead_sources"
    __table_args__ = (UniqueConstraint("clinic_id", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    aliases: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default="{}")  # values of utm_source
    is_active: Mapped[bool] = mapped_column(default=True)
    monthly_cost: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
