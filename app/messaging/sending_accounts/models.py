"""Tables of sending accounts: the accounts that users enter, and the number of messages sent through each."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict
from app.messaging.channels.account import AccountKind
from app.security.encrypted_fields import EncryptedField


class CountPeriod(StrEnum):
    """The length of the period that a count is for."""

    MINUTE = "minute"
    DAY = "day"  # in the clinic's local time


class SendingAccount(Base):
    """An account of the clinic at a mail server or a provider. `app.messaging.sending_accounts.kinds` has its parts."""

    __tablename__ = "sending_accounts"
    __table_args__ = (
        UniqueConstraint("clinic_id", "name"),
        CheckConstraint(f"kind IN ({', '.join(repr(k.value) for k in AccountKind)})", name="kind"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)  # a slug, used by rules
    kind: Mapped[str] = mapped_column(Text)
    channels: Mapped[list[str]] = mapped_column(ARRAY(Text))  # that it serves
    default_for: Mapped[list[str]] = mapped_column(ARRAY(Text))  # those whose messages use it if they name no account
    settings: Mapped[JsonDict]
    credentials = EncryptedField()  # JSON text
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    is_active: Mapped[bool]
    per_hour: Mapped[int | None]  # messages in any sixty minutes; None: unlimited
    per_day: Mapped[int | None]  # messages on a local day
    warm_up_per_day: Mapped[int | None]  # messages on the first day; None: no warm-up
    warm_up_growth: Mapped[int | None]  # percent by which each day allows more than the day before
    warm_up_started_on: Mapped[date | None]  # the first day
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    @property
    def credential_names(self) -> list[str]:
        """Return the names of the credentials that are stored."""
        return sorted(orjson.loads(self.credentials or "{}"))


class SendingAccountCount(Base):
    """Messages of an account in one minute or day, and messages that were deferred to it (`promised`)."""

    __tablename__ = "sending_account_counts"
    __table_args__ = (
        Index("ix_sending_account_counts_starts_at", "starts_at"),
        CheckConstraint(f"period IN ({', '.join(repr(p.value) for p in CountPeriod)})", name="period"),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("sending_accounts.id", ondelete="CASCADE"), primary_key=True)
    period: Mapped[str] = mapped_column(Text, primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    sent: Mapped[int]
    promised: Mapped[int]
