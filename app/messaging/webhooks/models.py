"""Tables of webhooks: the endpoints of clinics, and the deliveries of events to them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.security.encrypted_fields import EncryptedField


class DisabledBecause(StrEnum):
    """The reason for which the system disabled an endpoint."""

    GONE = "gone"  # it answered 410
    FAILING = "failing"  # every call failed for WEBHOOK_DISABLE_AFTER_DAYS


class DeliveryState(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"  # waits for its next attempt
    SENDING = "sending"  # an attempt is in progress; `next_attempt_at` is the end of its lease
    DELIVERED = "delivered"
    FAILED = "failed"  # all attempts were used, or the endpoint answered 410


class WebhookEndpoint(Base):
    """A URL of the clinic that receives events. Calls to it are signed (Standard Webhooks)."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        Index("ix_webhook_endpoints_clinic", "clinic_id", "id"),
        CheckConstraint(f"disabled_because IN ({', '.join(repr(b.value) for b in DisabledBecause)})", name="because"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    description: Mapped[str | None] = mapped_column(Text)
    url = EncryptedField()  # it may contain a token
    secret = EncryptedField()
    previous_secret = EncryptedField()  # valid for a day after a rotation
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    rotated_at: Mapped[datetime | None]
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))  # names of events; `*` means all
    ordered: Mapped[bool]  # an event of a lead waits for the lead's earlier events
    include_lead: Mapped[bool]  # calls contain the lead as it is when the call is made
    is_active: Mapped[bool]
    disabled_at: Mapped[datetime | None]  # by the system
    disabled_because: Mapped[str | None] = mapped_column(Text)
    # The circuit breaker. A success resets it.
    failures: Mapped[int] = mapped_column(default=0)  # consecutive failed calls
    pauses: Mapped[int] = mapped_column(default=0)  # consecutive pauses: each is longer than the one before
    failing_since: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class WebhookDelivery(Base):
    """An event for an endpoint, with its last attempt. The id is the `webhook-id` of each attempt.

    The call's body is made from the event log when the call is made, so no row has a copy of it.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("uq_webhook_deliveries_event", "endpoint_id", "event_id", unique=True),
        Index("ix_webhook_deliveries_log", "endpoint_id", "id"),
        Index("ix_webhook_deliveries_lead", "lead_id", postgresql_where=text("lead_id IS NOT NULL")),
        Index(
            "ix_webhook_deliveries_due",
            "endpoint_id",
            "next_attempt_at",
            "id",
            postgresql_where=text("state IN ('pending', 'sending')"),
        ),
        Index(
            "ix_webhook_deliveries_order",
            "endpoint_id",
            "lead_id",
            "id",
            postgresql_where=text("state IN ('pending', 'sending')"),
        ),
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in DeliveryState)})", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign keys: checking them would lock the rows of clinic and endpoint
    endpoint_id: Mapped[UUID]
    event_id: Mapped[UUID | None]  # in the event log; None: a test
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(Text)  # name of the event
    state: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_attempt_at: Mapped[datetime]
    created_at: Mapped[datetime]
    # The last attempt.
    attempted_at: Mapped[datetime | None]
    duration_ms: Mapped[int | None]
    response_status: Mapped[int | None] = mapped_column(SmallInteger)
    response = EncryptedField()  # the beginning of the answer's body, which may repeat personal data
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    error: Mapped[str | None] = mapped_column(Text)

    @property
    def retry_at(self) -> datetime | None:
        """Return when the next attempt is due; None unless the delivery is pending."""
        return self.next_attempt_at if self.state == DeliveryState.PENDING else None
