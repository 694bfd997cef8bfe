"""Tables of text messages: one row for each message that arrived, and the reports that were processed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.messaging.inbound.models import IS_OPEN, IS_QUESTION
from app.security.encrypted_fields import EncryptedField


class InboundText(Base):
    """One text message that arrived, by SMS or WhatsApp. Without a lead it waits for a user.

    Also a reply that a gateway reported, if it asks a question: then `account_id` is the id of the gateway.
    """

    __tablename__ = "inbound_texts"
    __table_args__ = (
        UniqueConstraint("account_id", "provider_id"),
        Index("ix_inbound_texts_clinic", "clinic_id", "received_at", "id"),
        # The newest message of a lead on a channel decides whether a session is open.
        Index(
            "ix_inbound_texts_lead",
            "lead_id",
            "channel",
            "received_at",
            "id",
            postgresql_where=text("lead_id IS NOT NULL"),
        ),
        Index(
            "ix_inbound_texts_unmatched",
            "clinic_id",
            "received_at",
            "id",
            postgresql_where=text("lead_id IS NULL AND ignored_at IS NULL"),
        ),
        Index("ix_inbound_texts_question", "lead_id", postgresql_where=text(IS_OPEN)),
        Index("ix_inbound_texts_decide_by", "decide_by", postgresql_where=text(IS_OPEN)),
        CheckConstraint(IS_QUESTION, name="question"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: its check locks the clinic's row
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    account_id: Mapped[UUID]  # no foreign key: a message outlives its account
    provider_id: Mapped[str] = mapped_column(Text)  # the provider's id of the message
    channel: Mapped[str] = mapped_column(Text)
    notification_id: Mapped[UUID | None]  # the last message to the number before it
    activity_id: Mapped[UUID | None]  # its entry on the lead's timeline
    sender = EncryptedField()  # E.164
    sender_name = EncryptedField()
    body = EncryptedField()
    media = EncryptedField()  # list of `Media.to_json()`
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]
    created_at: Mapped[datetime]
    ignored_at: Mapped[datetime | None]  # a user took it off the list of unmatched messages
    handled_by: Mapped[UUID | None]  # the user who assigned or ignored it, or decided its question
    question: Mapped[str | None] = mapped_column(Text)
    decide_by: Mapped[datetime | None]  # of an open question: when it is decided without a user


class TextReceipt(Base):
    """A processed report about a sent message. The same report again changes nothing.

    Also a token of Mailgun with a hash of its call: then `account_id` is the id of the webhook.
    """

    __tablename__ = "text_receipts"
    __table_args__ = (Index("ix_text_receipts_received_at", "received_at"),)

    account_id: Mapped[UUID] = mapped_column(primary_key=True)  # no foreign key: see above
    report_id: Mapped[str] = mapped_column(Text, primary_key=True)  # the provider's id of the message, and the status
    clinic_id: Mapped[UUID]
    received_at: Mapped[datetime]
