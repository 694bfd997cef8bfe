"""Idempotency records: the saved responses of POST calls that carried an Idempotency-Key."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Index, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base

KEPT_FOR: Final = timedelta(hours=24)


class IdempotencyRecord(Base):
    """The response to one POST with an Idempotency-Key; the same call again gets the same response."""

    __tablename__ = "kept_answers"
    __table_args__ = (Index("ix_kept_answers_created_at", "created_at"),)

    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    caller_id: Mapped[UUID] = mapped_column(primary_key=True)  # a user, or an API key
    path: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    fingerprint: Mapped[bytes]  # of the payload, SHA-256
    status: Mapped[int] = mapped_column(SmallInteger)
    headers: Mapped[dict[str, Any]]  # Location and ETag
    body: Mapped[bytes | None]  # JSON, encrypted; None where it held a secret that is shown once
    shown: Mapped[dict[str, Any] | None]  # ids by subject that the response shows; None in rows older than this column
    allowed: Mapped[bytes | None]  # fingerprint of the caller's permissions and visible ids at the time
    created_at: Mapped[datetime]
