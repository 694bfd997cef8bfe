"""Gateways: where a clinic has messages and events sent to, how much each has had, and what came back."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.security.encrypted_fields import SealedField


class Purpose(StrEnum):
    MESSAGES = "messages"  # hands messages on to leads
    WEBHOOK = "webhook"  # is told of events


class Gateway(Base):
    """Somebody else's server, which calls of ours are signed for."""

    __tablename__ = "gateways"
    __table_args__ = (
        UniqueConstraint("clinic_id", "name"),
        CheckConstraint(f"purpose IN ({', '.join(repr(p.value) for p in Purpose)})", name="purpose"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)  # a slug: what rules call it
    purpose: Mapped[str] = mapped_column(Text)
    url = SealedField()  # it may hold a token
    secret = SealedField()
    previous_secret = SealedField()  # good for a day after a rotation
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    rotated_at: Mapped[datetime | None]
    per_hour: Mapped[int | None]  # calls in any sixty minutes; None: as many as come
    idempotent: Mapped[bool]  # knows a call that comes again by its id: what was not answered may be sent again
    is_active: Mapped[bool]
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class GatewayMinute(Base):
    """How many calls a gateway had in a minute, and how many that wait were told to come back then."""

    __tablename__ = "gateway_minutes"
    __table_args__ = (Index("ix_gateway_minutes_minute", "minute"),)

    gateway_id: Mapped[UUID] = mapped_column(ForeignKey("gateways.id", ondelete="CASCADE"), primary_key=True)
    minute: Mapped[datetime] = mapped_column(primary_key=True)
    sent: Mapped[int]
    promised: Mapped[int]


class GatewayReceipt(Base):
    """A call of a gateway's that was taken in: sent again, it changes nothing."""

    __tablename__ = "gateway_receipts"
    __table_args__ = (Index("ix_gateway_receipts_received_at", "received_at"),)

    gateway_id: Mapped[UUID] = mapped_column(ForeignKey("gateways.id", ondelete="CASCADE"), primary_key=True)
    call_id: Mapped[str] = mapped_column(Text, primary_key=True)
    received_at: Mapped[datetime]


class Told(StrEnum):
    """What can become of a message."""

    DELIVERED = "delivered"
    FAILED = "failed"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    REPLIED = "replied"


class Why(StrEnum):
    """Why a message bounced."""

    INVALID = "invalid"  # there is nobody there: it is not written to again
    REFUSED = "refused"
    OTHER = "other"
