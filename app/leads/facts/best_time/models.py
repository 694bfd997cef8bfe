"""Contacts by hour of a clinic and of its sources, as of the last sweep."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.core.type_aliases import JsonDict


class ContactHours(Base):
    """Contacts of the past year by local hour, of a source, or of the whole clinic (`segment_id`: the clinic's id).

    `counts` maps `weekday` and `weekend` to 24 lists: calls, calls that reached a person, answers of leads.
    """

    __tablename__ = "contact_hours"
    __table_args__ = (Index("ix_contact_hours_learned_at", "learned_at"),)

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id", ondelete="CASCADE"), primary_key=True)
    segment_id: Mapped[UUID] = mapped_column(primary_key=True)
    counts: Mapped[JsonDict]
    learned_at: Mapped[datetime]
