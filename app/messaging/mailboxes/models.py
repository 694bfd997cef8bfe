"""Table of mailboxes: the settings that users enter, and the position and state that the process `inbound` keeps."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.messaging.channels.mail.mail_server import Security, SignIn
from app.messaging.inbound.authentication import OnFailedAuthentication
from app.security.encrypted_fields import EncryptedField

INBOX = "INBOX"


class Mailbox(Base):
    """A folder on an IMAP server. `version` counts the changes by users only."""

    __tablename__ = "mailboxes"
    __table_args__ = (
        UniqueConstraint("clinic_id", "name"),
        CheckConstraint(f"sign_in IN ({', '.join(repr(s.value) for s in SignIn)})", name="sign_in"),
        CheckConstraint(
            f"on_failed_authentication IN ({', '.join(repr(one.value) for one in OnFailedAuthentication)})",
            name="on_failed_authentication",
        ),
        CheckConstraint(f"security IN ({', '.join(repr(s.value) for s in Security)})", name="security"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)
    host: Mapped[str] = mapped_column(Text)
    port: Mapped[int]
    security: Mapped[str] = mapped_column(Text)
    username = EncryptedField()
    sign_in: Mapped[str] = mapped_column(Text, default=SignIn.PASSWORD, server_default=SignIn.PASSWORD)
    password = EncryptedField()  # for `password`
    tenant: Mapped[str | None] = mapped_column(Text)  # this, client_id and client_secret: for `microsoft`
    client_id: Mapped[str | None] = mapped_column(Text)
    client_secret = EncryptedField()
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    folder: Mapped[str] = mapped_column(Text)
    is_active: Mapped[bool]
    # Name of the server whose Authentication-Results count; None: none count.
    authentication_server: Mapped[str | None] = mapped_column(Text)
    on_failed_authentication: Mapped[str] = mapped_column(
        Text, default=OnFailedAuthentication.ACCEPT, server_default=OnFailedAuthentication.ACCEPT
    )
    mark_seen: Mapped[bool]  # set the flag `Seen` on mails that were read
    since: Mapped[date | None]  # read mails since this day; None: those that arrive after the first connection
    uidvalidity: Mapped[int | None] = mapped_column(BigInteger)
    last_uid: Mapped[int | None] = mapped_column(BigInteger)  # of the last mail that was stored
    attempted_uid: Mapped[int | None] = mapped_column(BigInteger)  # a mail that was begun and is not stored yet
    attempts: Mapped[int] = mapped_column(default=0)  # at that mail
    supports_idle: Mapped[bool | None]  # the server reports new mail at once
    last_seen_at: Mapped[datetime | None]  # the last time that the folder was read
    failing_since: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    notified_at: Mapped[datetime | None]  # the admins were notified of the failure
    holder: Mapped[UUID | None]  # the process that reads it
    held_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
