"""Legal holds of leads."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.security.encrypted_fields import EncryptedField


class LegalHold(Base):
    """A legal hold of a lead: nothing of its history may be deleted, because a legal claim needs it.

    It has an id of its own, which its encrypted reason is bound to, so that a merge can move it to another lead.
    """

    __tablename__ = "legal_holds"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: the lead has one
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"), unique=True)
    reason = EncryptedField()
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    placed_by_id: Mapped[UUID | None]  # None: an API key
    placed_at: Mapped[datetime]
