"""Tables of gateways: endpoints for messages and webhooks, their usage per minute, and their processed calls."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.security.encrypted_fields import EncryptedField


class GatewayPurpose(StrEnum):
    """The purpose of a gateway."""

    MESSAGES = "messages"  # delivers messages to leads
    WEBHOOK = "webhook"  # receives events


class Gateway(Base):
    """An external HTTP endpoint of the clinic. Calls to it are signed."""

    __tablename__ = "gateways"
    __table_args__ = (
        UniqueConstraint("clinic_id", "name"),
        Index("uq_gateways_default", "clinic_id", unique=True, postgresql_where=text("is_default")),
        CheckConstraint(f"purpose IN ({', '.join(repr(p.value) for p in GatewayPurpose)})", name="purpose"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)  # a slug, used by rules
    purpose: Mapped[str] = mapped_column(Text)
    url = EncryptedField()  # it may contain a token
    secret = EncryptedField()
    previous_secret = EncryptedField()  # valid for a day after a rotation
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    rotated_at: Mapped[datetime | None]
    per_hour: Mapped[int | None]  # calls in any sixty minutes; None: unlimited
    idempotent: Mapped[bool]  # recognises a repeated call by its id, so an unanswered call can be repeated
    is_active: Mapped[bool]
    is_default: Mapped[bool] = mapped_column(default=False, server_default=false())  # of messages that name no gateway
    failures: Mapped[int] = mapped_column(default=0)  # consecutive failed calls
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class GatewayMinute(Base):
    """Calls to a gateway in one minute, and calls that were deferred to this minute (`promised`)."""

    __tablename__ = "gateway_minutes"
    __table_args__ = (Index("ix_gateway_minutes_minute", "minute"),)

    gateway_id: Mapped[UUID] = mapped_column(ForeignKey("gateways.id", ondelete="CASCADE"), primary_key=True)
    minute: Mapped[datetime] = mapped_column(primary_key=True)
    sent: Mapped[int]
    promised: Mapped[int]


class GatewayReceipt(Base):
    """A processed call of a gateway. The same call id again changes nothing."""

    __tablename__ = "gateway_receipts"
    __table_args__ = (Index("ix_gateway_receipts_received_at", "received_at"),)

    gateway_id: Mapped[UUID] = mapped_column(ForeignKey("gateways.id", ondelete="CASCADE"), primary_key=True)
    call_id: Mapped[str] = mapped_column(Text, primary_key=True)
    received_at: Mapped[datetime]


class ReceiptStatus(StrEnum):
    """The status of a message, as its gateway reports it."""

    DELIVERED = "delivered"
    FAILED = "failed"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    REPLIED = "replied"


class BounceReason(StrEnum):
    """The reason of a bounce."""

    INVALID = "invalid"  # the address does not exist and is added to the suppression list
    REFUSED = "refused"
    OTHER = "other"
