"""Idempotency records: saved responses of POST requests with an Idempotency-Key."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Index, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.core.type_aliases import JsonDict

KEPT_FOR: Final = timedelta(hours=24)


class IdempotencyRecord(Base):
    """The saved response to one POST request with an Idempotency-Key. A repeated request gets the same response."""

    __tablename__ = "kept_answers"
    __table_args__ = (Index("ix_kept_answers_created_at", "created_at"),)

    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    caller_id: Mapped[UUID] = mapped_column(primary_key=True)  # id of a user or of an API key
    path: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    fingerprint: Mapped[bytes]  # SHA-256 of the payload
    status: Mapped[int] = mapped_column(SmallInteger)
    headers: Mapped[JsonDict]  # Location and ETag
    body: Mapped[bytes | None]  # encrypted JSON; None if it contained a secret that is shown only once
    shown: Mapped[JsonDict | None]  # ids in the response, by subject; None in rows older than this column
    allowed: Mapped[bytes | None]  # SHA-256 of the caller's permissions and visible ids at the time of the request
    created_at: Mapped[datetime]
