"""Tables of notice preferences: the choices of a user, and their destinations in Slack, Teams and browsers."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict
from app.security.encrypted_fields import EncryptedField

DESTINATION_CHANNELS: Final = ("slack", "teams", "web_push")
URL_INDEX: Final = "notice destination"  # of the blind index


class NoticePreferences(Base):
    """The choices of a user about notices. Without a row the defaults apply."""

    __tablename__ = "notice_preferences"

    id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)  # of the user
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    choices: Mapped[JsonDict]  # kind → channel → value
    digest_at: Mapped[str | None] = mapped_column(Text)  # HH:MM; None: the default
    timezone: Mapped[str | None] = mapped_column(Text)  # IANA name; None: the clinic's
    is_guide_closed: Mapped[bool] = mapped_column(default=False, server_default="false")  # first-run guide
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class NoticeDestination(Base):
    """A place where a user gets notices: a Slack or Teams webhook, or a browser's push subscription."""

    __tablename__ = "notice_destinations"
    __table_args__ = (
        Index("uq_notice_destinations_url", "user_id", "channel", "url_blind", unique=True),
        Index("ix_notice_destinations_clinic", "clinic_id", "channel", "url_blind"),
        CheckConstraint(f"channel IN ({', '.join(map(repr, DESTINATION_CHANNELS))})", name="channel"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(Text)
    name: Mapped[str | None] = mapped_column(Text)
    url = EncryptedField(index=URL_INDEX)  # for `web_push`: the endpoint
    p256dh = EncryptedField()  # this and `auth`: the keys of a push subscription
    auth = EncryptedField()
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    url_blind: Mapped[bytes | None] = mapped_column(LargeBinary)
    test_id: Mapped[UUID | None]  # the notification of the last test; no foreign key: it outlives its user's row
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
