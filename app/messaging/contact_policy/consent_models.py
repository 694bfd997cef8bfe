"""Table of consents to be contacted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id


class Consent(Base):
    """A consent of a lead to be contacted at one kind of address, or its withdrawal.

    It stores the wording, where it was given, and when.
    """

    __tablename__ = "consents"
    __table_args__ = (Index("ix_consents_lead", "lead_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    way: Mapped[str] = mapped_column(Text)
    is_given: Mapped[bool]
    wording: Mapped[str] = mapped_column(Text)  # the question, or the lead's own words
    source: Mapped[str] = mapped_column(Text)  # such as a form, a call, a paper
    given_at: Mapped[datetime]
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
