"""What the edge remembers of calls."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Index, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base

ANSWERS_ARE_KEPT: Final = timedelta(hours=24)


class KeptAnswer(Base):
    """The answer to a POST that carried an Idempotency-Key; the same call again is answered with it."""

    __tablename__ = "kept_answers"
    __table_args__ = (Index("ix_kept_answers_created_at", "created_at"),)

    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    caller_id: Mapped[UUID] = mapped_column(primary_key=True)  # a user, or an API key
    path: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    fingerprint: Mapped[bytes]  # of the payload, SHA-256
    status: Mapped[int] = mapped_column(SmallInteger)
    headers: Mapped[dict[str, Any]]  # those that say something of the thing: where it is, which version
    body: Mapped[bytes | None]  # JSON, sealed; None where it held a secret that is shown once
    shown: Mapped[dict[str, Any] | None]  # the ids of each kind of thing it is about; None: before they were kept
    allowed: Mapped[bytes | None]  # a fingerprint of what the caller might do and see then
    created_at: Mapped[datetime]
