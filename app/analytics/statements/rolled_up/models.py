"""Tables of rollups: counts of leads by local day and month of their creation, and of entries into stages."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class RollupSpan(Base):
    """A local day or month with counted leads. It holds until a `RollupChange` lies in it."""

    __tablename__ = "lead_rollup_spans"
    __table_args__ = (UniqueConstraint("clinic_id", "starts_at", "ends_at", name="uq_lead_rollup_spans_time"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id", ondelete="CASCADE"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    is_month: Mapped[bool]
    timezone: Mapped[str] = mapped_column(Text)  # of the clinic when it was counted
    opening_hash: Mapped[str] = mapped_column(Text, server_default="")  # `OPENING_HASH` of its clinic then
    rolled_up_at: Mapped[datetime]


class RollupGroup(Base):
    """Leads of a clinic that are equal in these columns; `fingerprint` is their hash."""

    __tablename__ = "lead_rollup_groups"
    __table_args__ = (UniqueConstraint("clinic_id", "fingerprint", name="uq_lead_rollup_groups_fingerprint"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id", ondelete="CASCADE"))
    fingerprint: Mapped[UUID]
    source_id: Mapped[UUID]
    assigned_to_id: Mapped[UUID | None]
    first_touch_source_id: Mapped[UUID | None]
    last_touch_source_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(Text)
    pipeline_stage: Mapped[str] = mapped_column(Text)
    past_stages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    capture_channel: Mapped[str] = mapped_column(Text)
    lost_reason: Mapped[str | None] = mapped_column(Text)
    has_contact: Mapped[bool]
    has_answered: Mapped[bool]
    has_replied: Mapped[bool]


class RollupCount(Base):
    """The number of leads of a group created in a span, with the sums that means and values need."""

    __tablename__ = "lead_rollup_counts"
    __table_args__ = (
        Index("ix_lead_rollup_counts_clinic", "clinic_id"),
        Index("ix_lead_rollup_counts_group", "group_id"),
    )

    span_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    group_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id", ondelete="CASCADE"))
    leads: Mapped[int]
    money: Mapped[Decimal | None] = mapped_column(Numeric(18, 2))
    days_to_convert: Mapped[float | None] = mapped_column(Double)  # sum; the next column is the number of its terms
    days_to_convert_of: Mapped[int]
    days_to_loss: Mapped[float | None] = mapped_column(Double)
    days_to_loss_of: Mapped[int]
    minutes_mean: Mapped[float | None] = mapped_column(Double)
    minutes_mean_of: Mapped[int]
    # Seconds to the first contact of each lead that has one, as consecutive 8-byte floats in network byte order.
    elapsed_seconds: Mapped[bytes | None] = mapped_column(LargeBinary)
    business_seconds: Mapped[bytes | None] = mapped_column(LargeBinary)


class RollupStay(Base):
    """The time that the leads created in a span spend in a stage. Several stays of a lead count as one.

    `ended` has the number of leads that left the stage after so many whole hours (`hours`). `starts` are of those
    that are there: when each entered the stage, earlier by the length of its former stays there, as consecutive 8-byte
    numbers of microseconds since 1970 in network byte order, in order.
    """

    __tablename__ = "lead_rollup_stays"
    __table_args__ = (Index("ix_lead_rollup_stays_clinic", "clinic_id"),)

    span_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stage: Mapped[str] = mapped_column(Text, primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id", ondelete="CASCADE"))
    hours: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    ended: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    starts: Mapped[bytes] = mapped_column(LargeBinary)


class RollupEntries(Base):
    """The entries into a stage in a span, of all leads.

    `firsts` are those of leads that had not been in the stage before. `previous` has for each of the others when the
    lead entered the stage the last time before, in order.
    """

    __tablename__ = "lead_rollup_entries"
    __table_args__ = (Index("ix_lead_rollup_entries_clinic", "clinic_id"),)

    span_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stage: Mapped[str] = mapped_column(Text, primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id", ondelete="CASCADE"))
    firsts: Mapped[int]
    previous: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)))


class RollupChange(Base):
    """A lead or an entry of an earlier day has changed. Triggers of `leads` and `lead_activities` write it.

    They do so in the same transaction.
    """

    __tablename__ = "lead_rollup_changes"
    __table_args__ = (Index("ix_lead_rollup_changes_clinic", "clinic_id", "created_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]  # of the lead, or the time of the entry
