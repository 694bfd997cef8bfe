"""Table of channels and gateways that failed: their consecutive failures, and whether messages wait for them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class ChannelOutage(Base):
    """The failures of one target: a channel that all clinics share, or the gateway or sending account of one clinic.

    A row stays after the recovery, so that admins are not notified again of an outage that returns soon.
    """

    __tablename__ = "channel_outages"

    target: Mapped[str] = mapped_column(Text, primary_key=True)  # a channel's name, or the id of a gateway or account
    gateway_id: Mapped[UUID | None]  # no foreign key: an answer is stored also if the gateway is deleted meanwhile
    account_id: Mapped[UUID | None]  # of a sending account
    failures: Mapped[int]  # consecutive; 0: it works
    error: Mapped[str | None] = mapped_column(Text)  # of the last failure
    failing_since: Mapped[datetime]
    opened_at: Mapped[datetime | None]  # messages wait since then; None: they are sent
    checked_at: Mapped[datetime | None]  # the last attempt or probe while messages wait
    closed_at: Mapped[datetime | None]  # end of the last outage
    notified_at: Mapped[datetime | None]  # when the admins were notified
