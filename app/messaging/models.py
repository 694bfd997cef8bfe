"""Notifications, delivery attempts, message templates and the suppression list."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.database.arrays import PlainArray
from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict
from app.security.encrypted_fields import EncryptedField


class AddressKind(StrEnum):
    """The kind of address a lead is reached at."""

    EMAIL = "email"
    PHONE = "phone"  # calls and texts


class NotificationState(StrEnum):
    """State of a notification in its delivery."""

    PENDING = "pending"  # its deliver step has not run yet
    SENDING = "sending"  # handed to the provider, no answer yet
    SENT = "sent"
    FAILED = "failed"  # refused permanently, or out of attempts
    UNKNOWN = "unknown"  # interrupted while sending: it may have arrived, an admin resolves it
    SUPPRESSED = "suppressed"  # cancelled before it was sent


# States of a message that will still be sent, or is being sent. Other messages of its sequence wait for it.
UNSETTLED: Final = frozenset({NotificationState.PENDING, NotificationState.SENDING})
CONTACTED_AT: Final = "COALESCE(handed_over_at, sent_at, created_at)"
WAS_HANDED_OVER: Final = "state <> ALL (ARRAY['pending'::text, 'sending'::text, 'suppressed'::text])"
IS_NOT_INDEXED: Final = "subject_blind IS NULL AND user_id IS NULL AND subject <> ''"
IS_CONTACT: Final = "user_id IS NULL AND state <> ALL (ARRAY['failed'::text, 'suppressed'::text])"


class Notification(Base):
    """One message to one recipient on one channel. Its text is fixed when it is written."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index(
            "ix_notifications_inbox",
            "user_id",
            "id",
            postgresql_where=text("channel = 'in_app' AND user_id IS NOT NULL"),
        ),
        Index(
            "ix_notifications_unread",
            "user_id",
            "id",
            postgresql_where=text("channel = 'in_app' AND user_id IS NOT NULL AND read_at IS NULL"),
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
        Index("ix_notifications_digest", "user_id", "created_at", postgresql_where=text("reason = 'waits_for_digest'")),
        # The caps and intervals of the contact policy read a lead's latest contacts from this index.
        Index("ix_notifications_touches", "lead_id", text(CONTACTED_AT), postgresql_where=text(IS_CONTACT)),
        # For the report about automation, which reads no message itself.
        Index(
            "ix_notifications_series",
            *("clinic_id", "lead_id", "series"),
            postgresql_where=text("user_id IS NULL AND series IS NOT NULL"),
            postgresql_include=["sent_at"],
        ),
        # For the search. A message enters it once: when it was handed over, its state changes no more.
        Index(
            "ix_notifications_subject_words",
            "subject_blind",
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
            postgresql_where=text(f"subject_blind IS NOT NULL AND {WAS_HANDED_OVER}"),
        ),
        Index("ix_notifications_not_indexed", "id", postgresql_where=text(IS_NOT_INDEXED)),
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in NotificationState)})", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: its check locks the clinic's row, and the lead has one
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))  # the lead it is about
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))  # the recipient; None: the lead
    task_id: Mapped[UUID | None]
    step_id: Mapped[UUID | None]  # the step that wrote it
    activity_id: Mapped[UUID | None]  # the entry on the timeline of a message that a user wrote
    channel: Mapped[str] = mapped_column(Text)  # a name in `channels.registry`
    template: Mapped[str] = mapped_column(Text)
    template_version_id: Mapped[UUID | None]  # None: not made from a stored template version
    variant: Mapped[str | None] = mapped_column(Text)  # its name in that version, such as `email:fr-CA`
    series: Mapped[str | None] = mapped_column(Text)  # to a lead: slug of the rule or sequence it counts for
    address = EncryptedField()  # for `http`: JSON with `phone` and `social`
    html = EncryptedField()  # the body as HTML, where it is not made from the body; None for most messages
    attachment = EncryptedField()  # a file, as `rendering.attachment.Attachment.to_json` returns it
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    subject: Mapped[str] = mapped_column(Text)
    # Search keys of the subject. None: not to a lead, without a subject, or not indexed yet.
    subject_blind: Mapped[list[int] | None] = mapped_column(PlainArray(Integer))
    body: Mapped[str] = mapped_column(Text)
    headers: Mapped[JsonDict | None]  # further mail headers, such as `In-Reply-To` of an answer
    written_by: Mapped[UUID | None]  # the user who wrote it; None: written from a template
    message_id: Mapped[str | None] = mapped_column(Text)  # the same at each attempt, so that copies are recognised
    gateway_id: Mapped[UUID | None]  # for `http`; no foreign key: a message outlives its gateway
    account_name: Mapped[str | None] = mapped_column(Text)  # the slug that the template or the user names
    account_id: Mapped[UUID | None]  # the sending account of the last attempt; no foreign key, as above
    destination_id: Mapped[UUID | None]  # of the user, for `slack`, `teams`, `web_push`; no foreign key, as above
    message_type: Mapped[str | None] = mapped_column(Text)  # text, image, video or document
    media_url: Mapped[str | None] = mapped_column(Text)
    provider_template: Mapped[JsonDict | None]  # for channels with sessions: the approved text, with its values
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)  # why it was suppressed, or `by_hand`
    error: Mapped[str | None] = mapped_column(Text)  # the provider's response
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    handed_over_at: Mapped[datetime | None]  # start of the last delivery attempt, whatever its outcome
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]  # as the gateway reports
    opened_at: Mapped[
        datetime | None
    ]  # this and clicked_at: as the gateway reports, or by a person in a tracked e-mail
    clicked_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]

    deliveries: Mapped[list["Delivery"]] = relationship(order_by="Delivery.attempt", viewonly=True, lazy="raise")
    tracked: Mapped["TrackedMessage | None"] = relationship(viewonly=True, lazy="raise")


class TrackedMessage(Base):
    """A message that was sent with tracked links or with an image. Its id is the notification's.

    It counts the settled hits by class. The counts stay when the hits are deleted.
    """

    __tablename__ = "tracked_messages"

    id: Mapped[UUID] = mapped_column(ForeignKey("notifications.id", ondelete="CASCADE"), primary_key=True)
    clinic_id: Mapped[UUID]  # no foreign key: its check locks the clinic's row, and the notification has one
    opens: Mapped[bool]  # it has an image
    clicks: Mapped[bool]  # its links are tracked
    person_opens: Mapped[int] = mapped_column(default=0, server_default="0")
    machine_opens: Mapped[int] = mapped_column(default=0, server_default="0")
    unsure_opens: Mapped[int] = mapped_column(default=0, server_default="0")
    person_clicks: Mapped[int] = mapped_column(default=0, server_default="0")
    machine_clicks: Mapped[int] = mapped_column(default=0, server_default="0")
    unsure_clicks: Mapped[int] = mapped_column(default=0, server_default="0")


class Delivery(Base):
    """One delivery attempt: a notification handed to its provider. Attempts are kept when it is retried."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_notification_id", "notification_id", "attempt"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: its check locks the clinic's row, and the notification has one
    notification_id: Mapped[UUID] = mapped_column(ForeignKey("notifications.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    outcome: Mapped[str | None] = mapped_column(Text)  # sent, transient, permanent, unknown; None: running
    response: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class MessageTemplate(Base):
    """A clinic's message template. Rules refer to it by its slug. Its texts are those of its current version."""

    __tablename__ = "message_templates"
    __table_args__ = (UniqueConstraint("clinic_id", "slug"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    slug: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    number: Mapped[int] = mapped_column(default=1)  # of the current version
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class MessageTemplateVersion(Base):
    """The texts of a template, immutable. A notification stores the version that it was made from."""

    __tablename__ = "message_template_versions"
    __table_args__ = (UniqueConstraint("template_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    template_id: Mapped[UUID] = mapped_column(ForeignKey("message_templates.id", ondelete="CASCADE"))
    number: Mapped[int]
    variants: Mapped[list[Any]]  # a list of `variants.Variant.to_json()`
    repeats: Mapped[int | None]  # after a rollback: number of the version that it repeats
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]  # None: installed with a playbook


class Suppression(Base):
    """An entry of the clinic's suppression list.

    The address is kept as a keyed hash, so the entry outlives the lead and reveals nothing.
    """

    __tablename__ = "suppressions"

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), primary_key=True)
    way: Mapped[str] = mapped_column(Text, primary_key=True)
    address_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
