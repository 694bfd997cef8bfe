"""Tables of mail that arrives: one row for each mail, and its raw text apart."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database.arrays import PlainArray
from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict
from app.security.encrypted_fields import EncryptedField
from app.security.search_keys import TextKind


class Classification(StrEnum):
    """The kind of a mail that arrived."""

    REPLY = "reply"  # a person wrote it, and it belongs to a lead
    AUTO_REPLY = "auto_reply"  # a program wrote it; it stops nothing
    BOUNCE_HARD = "bounce_hard"  # the address does not exist
    BOUNCE_SOFT = "bounce_soft"  # not delivered for another reason, such as a full mailbox
    BOUNCE_DELAYED = "bounce_delayed"  # not delivered yet; the server still tries
    UNSURE = "unsure"  # a person or a program wrote it: a user decides
    COMPLAINT = "complaint"  # the recipient reported a message as spam
    UNMATCHED = "unmatched"  # it belongs to no known lead
    UNREADABLE = "unreadable"  # it cannot be parsed; only its raw text is stored
    OWN = "own"  # sent by the clinic itself


class Question(StrEnum):
    """A decision that a mail or text of a lead asks for."""

    AUTHOR = "author"  # whether a person or a program wrote it
    OPT_OUT = "opt_out"  # whether the lead asks for no more messages


IS_QUESTION: Final = "question IS NULL OR question IN ('author', 'opt_out')"
IS_OPEN: Final = "decide_by IS NOT NULL"  # of questions
IS_NOT_INDEXED: Final = "subject_blind IS NULL AND sealed IS NOT NULL"


class Match(StrEnum):
    """How the message that a mail answers was found."""

    ADDRESS = "address"  # signed id in an address of the mail
    IN_REPLY_TO = "in_reply_to"
    REFERENCES = "references"
    REPORT = "report"  # ids in a bounce or a complaint
    SENDER = "sender"  # the last message to the sender's address, or the only open lead with it
    PROVIDER = "provider"  # an event of the provider names the message
    USER = "user"  # assigned by a user


class HookProvider(StrEnum):
    """A provider that passes on mail by HTTP."""

    SES = "ses"
    MAILGUN = "mailgun"
    POSTMARK = "postmark"
    SENDGRID = "sendgrid"


class InboundEmail(Base):
    """One mail that arrived. The same mail in two mailboxes is one row."""

    __tablename__ = "inbound_emails"
    __table_args__ = (
        UniqueConstraint("clinic_id", "message_id"),
        Index("ix_inbound_emails_clinic", "clinic_id", "received_at", "id"),
        Index("ix_inbound_emails_lead", "lead_id", "received_at", "id", postgresql_where=text("lead_id IS NOT NULL")),
        Index(
            "ix_inbound_emails_unmatched",
            "clinic_id",
            "received_at",
            "id",
            postgresql_where=text("classification = 'unmatched' AND ignored_at IS NULL"),
        ),
        Index("ix_inbound_emails_question", "lead_id", postgresql_where=text(IS_OPEN)),
        Index("ix_inbound_emails_decide_by", "decide_by", postgresql_where=text(IS_OPEN)),
        # For the search, and for mails from before it.
        Index(
            "ix_inbound_emails_subject_words",
            "subject_blind",
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
            postgresql_where=text("subject_blind IS NOT NULL"),
        ),
        Index("ix_inbound_emails_not_indexed", "id", postgresql_where=text(IS_NOT_INDEXED)),
        CheckConstraint(IS_QUESTION, name="question"),
        CheckConstraint(
            f"classification IN ({', '.join(repr(c.value) for c in Classification)})", name="classification"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: its check locks the clinic's row
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    notification_id: Mapped[UUID | None]  # the message that it answers or reports
    activity_id: Mapped[UUID | None]  # its entry on the lead's timeline
    message_id: Mapped[str] = mapped_column(Text)  # its Message-ID; without a usable one, a hash of its content
    via: Mapped[str] = mapped_column(Text)  # `imap` or the provider's name
    classification: Mapped[str] = mapped_column(Text)
    matched_by: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)  # the header or status code that decided the classification
    sender = EncryptedField()  # the address in From
    sender_name = EncryptedField()
    recipients = EncryptedField()  # list of addresses
    subject = EncryptedField(words=TextKind.SUBJECTS)
    body = EncryptedField()  # the new text, without quoted text and signature
    attachments = EncryptedField()  # list of `{"name", "type", "size", "sha256"}`
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    subject_blind: Mapped[list[int] | None] = mapped_column(PlainArray(Integer))  # None: no mail, or not indexed yet
    authentication: Mapped[JsonDict | None]  # SPF, DKIM and DMARC, as the mailbox's own server reports them
    thread_ids: Mapped[str | None] = mapped_column(Text)  # Message-IDs of its thread, for an answer
    received_at: Mapped[datetime]
    created_at: Mapped[datetime]
    ignored_at: Mapped[datetime | None]  # a user took it off the list of unmatched mails
    handled_by: Mapped[UUID | None]  # the user who assigned or ignored it, or decided its question
    question: Mapped[str | None] = mapped_column(Text)
    decide_by: Mapped[datetime | None]  # of an open question: when it is decided without a user


class InboundRawEmail(Base):
    """The raw text of a mail. The row is deleted after RAW_EMAIL_DAYS."""

    __tablename__ = "inbound_raw_emails"
    __table_args__ = (Index("ix_inbound_raw_emails_received_at", "received_at"),)

    id: Mapped[UUID] = mapped_column(ForeignKey("inbound_emails.id", ondelete="CASCADE"), primary_key=True)
    clinic_id: Mapped[UUID]  # no foreign key: the mail's row has the clinic
    content = EncryptedField()  # base64
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]


class InboundHook(Base):
    """A provider's webhook for mail that arrives. Its id is part of the URL."""

    __tablename__ = "inbound_hooks"
    __table_args__ = (
        UniqueConstraint("clinic_id", "name"),
        CheckConstraint(f"provider IN ({', '.join(repr(p.value) for p in HookProvider)})", name="provider"),
        CheckConstraint("on_failed_authentication IN ('accept', 'review')", name="on_failed_authentication"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    topic: Mapped[str | None] = mapped_column(Text)  # for SES: ARN of the SNS topic
    secret = EncryptedField()  # for Mailgun: its signing key; for the others: password of the URL
    verification_key = EncryptedField()  # for SendGrid: public key of signed calls
    authentication_server: Mapped[str | None] = mapped_column(Text)  # as of a mailbox
    on_failed_authentication: Mapped[str] = mapped_column(Text, default="accept", server_default="accept")
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    is_active: Mapped[bool]
    last_called_at: Mapped[datetime | None]  # of the last call with a valid signature; accurate to a minute
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
