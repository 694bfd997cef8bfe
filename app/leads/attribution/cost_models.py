"""Cost history of lead sources."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKey, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id


class SourceCost(Base):
    """Monthly cost of a source from a month on, until the month of its next row."""

    __tablename__ = "lead_source_costs"
    __table_args__ = (UniqueConstraint("clinic_id", "source_id", "valid_from"),)

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    source_id: Mapped[UUID] = mapped_column(ForeignKey("lead_sources.id"))
    valid_from: Mapped[date]  # the first day of a month
    monthly_cost: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))  # None: no cost is known
    written_at: Mapped[datetime]
