"""Messages to people, every attempt to deliver them, and the templates they are made from."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db import Base, new_id
from app.security.encrypted_fields import SealedField


class Way(StrEnum):
    """How somebody can be reached."""

    EMAIL = "email"
    PHONE = "phone"  # calls and texts


class NotificationState(StrEnum):
    PENDING = "pending"  # a deliver step is on its way
    SENDING = "sending"  # handed to the provider, no answer yet
    SENT = "sent"
    FAILED = "failed"  # refused for good, or tried often enough
    UNKNOWN = "unknown"  # cut off while sending: nobody knows, a person decides
    SUPPRESSED = "suppressed"  # stopped before it was sent


TOUCHED_AT: Final = "COALESCE(handed_over_at, sent_at, created_at)"
IS_TOUCH: Final = "user_id IS NULL AND state <> ALL (ARRAY['failed'::text, 'suppressed'::text])"


class Notification(Base):
    """One message to one person on one channel. Its text is fixed when it is written."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index(
            "ix_notifications_inbox",
            "user_id",
            "id",
            postgresql_where=text("channel = 'in_app' AND user_id IS NOT NULL"),
        ),
        Index("ix_notifications_clinic", "clinic_id", "created_at", "id"),
        Index(
            "ix_notifications_unsent",
            "clinic_id",
            "state",
            "created_at",
            "id",
            postgresql_where=text("state <> 'sent'"),
        ),
        Index("ix_notifications_lead", "lead_id", "id"),
        Index(
            "ix_notifications_made_from",
            "template_version_id",
            "created_at",
            postgresql_where=text("template_version_id IS NOT NULL"),
        ),
        # What went to a lead, or is about to, by when it reached it last: what caps and intervals ask.
        Index("ix_notifications_touches", "lead_id", text(TOUCHED_AT), postgresql_where=text(IS_TOUCH)),
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in NotificationState)})", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no key of its own: its lead has one, and each check locks the clinic's row
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))  # whom it tells of
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))  # None: it goes to the lead
    task_id: Mapped[UUID | None]
    step_id: Mapped[UUID | None]  # the step that wrote it
    channel: Mapped[str] = mapped_column(Text)  # by its name in `channels.registry`
    template: Mapped[str] = mapped_column(Text)
    template_version_id: Mapped[UUID | None]  # None: its words are no template's, or were written before those had any
    variant: Mapped[str | None] = mapped_column(Text)  # of that version, such as `email:fr-CA`
    series: Mapped[str | None] = mapped_column(Text)  # to a lead: the rule or sequence whose messages are counted
    address = SealedField()  # of `http`: how the gateway may reach them, as JSON
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    subject: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    message_id: Mapped[str | None] = mapped_column(Text)  # fixed: a second copy is recognised as one
    gateway_id: Mapped[UUID | None]  # of `http`; no key: a message outlives the gateway that it went through
    message_type: Mapped[str | None] = mapped_column(Text)  # of `http`: text, image or video
    media_url: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)  # why it was suppressed
    error: Mapped[str | None] = mapped_column(Text)  # the provider's own words
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    handed_over_at: Mapped[datetime | None]  # when its provider was asked last, whatever it answered
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]  # this and what follows: as the gateway tells
    opened_at: Mapped[datetime | None]
    clicked_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]

    deliveries: Mapped[list["Delivery"]] = relationship(order_by="Delivery.attempt", viewonly=True, lazy="raise")


class Delivery(Base):
    """One attempt to hand a notification to its provider. Attempts are kept over retries."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_notification_id", "notification_id", "attempt"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no key of its own: its notification has one, and each check locks the clinic's row
    notification_id: Mapped[UUID] = mapped_column(ForeignKey("notifications.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    outcome: Mapped[str | None] = mapped_column(Text)  # sent, transient, permanent, unknown; None: still open
    response: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class MessageTemplate(Base):
    """What a clinic's messages of a kind say; rules speak of it by its slug. Its texts are those of one version."""

    __tablename__ = "message_templates"
    __table_args__ = (UniqueConstraint("clinic_id", "slug"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    slug: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    number: Mapped[int] = mapped_column(default=1)  # of the version that is used
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class MessageTemplateVersion(Base):
    """The texts of a template as they were at some time. It never changes: messages remember which they are made of."""

    __tablename__ = "message_template_versions"
    __table_args__ = (UniqueConstraint("template_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    template_id: Mapped[UUID] = mapped_column(ForeignKey("message_templates.id", ondelete="CASCADE"))
    number: Mapped[int]
    variants: Mapped[list[Any]]  # as `variants.Variant` writes them
    repeats: Mapped[int | None]  # rolled back: the number of the version whose texts it has again
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]  # None: it came with a playbook


class Suppression(Base):
    """An address that nobody may write to, kept as a hash: it outlives the lead, and tells nobody whose it is."""

    __tablename__ = "suppressions"

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), primary_key=True)
    way: Mapped[str] = mapped_column(Text, primary_key=True)
    address_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
