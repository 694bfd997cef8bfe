"""Table of answers to next actions: accepted or dismissed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.security.encrypted_fields import EncryptedField


class NextActionAnswer(Base):
    """The answer of a user to a suggested action of a lead."""

    __tablename__ = "next_action_answers"
    __table_args__ = (
        Index("ix_next_action_answers_lead", "lead_id", "id"),
        Index("ix_next_action_answers_clinic", "clinic_id", "answered_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: its check locks the clinic's row
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    act: Mapped[str] = mapped_column(Text)
    facts_key: Mapped[str] = mapped_column(Text)  # equal while the facts behind the suggestion are the same
    is_accepted: Mapped[bool]
    reason = EncryptedField()  # of a dismissal
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    answered_at: Mapped[datetime]
    answered_by: Mapped[UUID | None]  # None: an API key
