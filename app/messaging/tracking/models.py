"""Tables of tracked e-mails: the messages, their links, and the hits on them."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.security.encrypted_fields import EncryptedField


class HitKind(StrEnum):
    """The kind of a hit."""

    OPEN = "open"  # the image was loaded
    CLICK = "click"  # a link was followed


class HitClass(StrEnum):
    """Whether a person or a program caused a hit."""

    PERSON = "person"
    MACHINE = "machine"
    UNSURE = "unsure"  # it may be either, or it is not settled yet


class HitReason(StrEnum):
    """Why a hit has its class. Those up to `privacy_signal` are signals of one request."""

    HEAD = "head"  # it asked only for the headers
    PREFETCH = "prefetch"  # the request says that it loads ahead
    SCANNER_AGENT = "scanner_agent"  # the program names itself: a scanner, a crawler or a library
    NO_AGENT = "no_agent"  # no User-Agent
    PRIVACY_PROXY = "privacy_proxy"  # Apple Mail loads images when a message arrives
    IMAGE_PROXY = "image_proxy"  # Gmail and Yahoo load images through a proxy, not always when a person looks
    UNKNOWN_PROGRAM = "unknown_program"  # neither a browser nor a known mail program
    NO_LANGUAGE = "no_language"  # no Accept-Language
    NO_PAGE_WANTED = "no_page_wanted"  # a browser that follows a link accepts text/html
    ODD_FETCH = "odd_fetch"  # headers that the browser's version sends over HTTPS are missing or wrong
    OLD_BROWSER = "old_browser"  # a version that nearly nobody uses any more
    DATA_CENTRE = "data_centre"  # the address belongs to a mail filter or a cloud
    PRIVACY_SIGNAL = "privacy_signal"  # Global Privacy Control or Do Not Track
    TOO_SOON = "too_soon"  # within seconds of sending
    SEVERAL_LINKS = "several_links"  # several links of one message within seconds
    AFTER_OPEN = "after_open"  # within seconds of the open, from the same network
    WITH_MACHINE = "with_machine"  # the same network sent a machine's hit for the message
    FLOOD = "flood"  # the same network sent many hits for the message within seconds
    MANY_RECIPIENTS = "many_recipients"  # the same network opened messages of many leads
    ODD_HEADERS = "odd_headers"  # several weak signals
    BROWSER = "browser"  # a person: nothing speaks against it
    PENDING = "pending"  # not settled yet


_CLASSES: Final = ", ".join(repr(one.value) for one in HitClass)
_KINDS: Final = ", ".join(repr(one.value) for one in HitKind)


class TrackedLink(Base):
    """A link of a sent message. Its signed id is the address in the message; the target is only here."""

    __tablename__ = "tracked_links"
    __table_args__ = (Index("ix_tracked_links_notification_id", "notification_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[UUID]  # no foreign key: as above
    notification_id: Mapped[UUID] = mapped_column(ForeignKey("notifications.id", ondelete="CASCADE"))
    position: Mapped[int]  # in the message, from 0
    target = EncryptedField()  # http or https; it may have personal data, from the template's merge fields
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class TrackingHit(Base):
    """One request for a message's image or for one of its links. No address and no User-Agent is stored."""

    __tablename__ = "tracking_hits"
    __table_args__ = (
        Index("ix_tracking_hits_notification", "notification_id", "occurred_at"),
        Index("ix_tracking_hits_pending", "settle_at", "id", postgresql_where=text("settle_at IS NOT NULL")),
        Index("ix_tracking_hits_network", "occurred_at", postgresql_where=text("network IS NOT NULL")),
        CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
        CheckConstraint(f"verdict IN ({_CLASSES})", name="verdict"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: as above
    notification_id: Mapped[UUID] = mapped_column(ForeignKey("notifications.id", ondelete="CASCADE"))
    link_id: Mapped[UUID | None]  # None: an open
    kind: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str] = mapped_column(Text)  # a `HitClass`
    reason: Mapped[str] = mapped_column(Text)  # a `HitReason`
    signals: Mapped[list[Any]] = mapped_column(ARRAY(Text))  # of the request: names of `HitReason`
    network: Mapped[bytes | None] = mapped_column(LargeBinary)  # keyed hash of /24 or /48; deleted after minutes
    occurred_at: Mapped[datetime]
    settle_at: Mapped[datetime | None]  # when to settle its class; None: settled
