"""The search keys of leads."""

from typing import Final
from uuid import UUID

from sqlalchemy import Index, Integer, false, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database.arrays import PlainArray
from app.core.db import Base

IS_WAITING: Final = "keys IS NULL OR NOT has_notes"


class LeadSearch(Base):
    """The search keys of a lead. Its id is the lead's.

    The table is apart, because leads change all the time, and each change would write all keys into the index again.
    A trigger adds the row of each new lead, and empties it when a searched field changes; whoever changes the field
    fills it in the same transaction, or else the sweep does.
    """

    __tablename__ = "lead_search"
    __table_args__ = (
        # A short list of entries that wait for their place: each search reads all of it.
        Index(
            "ix_lead_search_keys",
            "keys",
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
            postgresql_where=text("keys IS NOT NULL"),
        ),
        Index("ix_lead_search_to_index", "id", postgresql_where=text(IS_WAITING)),
    )

    # No foreign keys: their checks would lock the lead and the clinic, and leads are never deleted from their table.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[UUID]
    keys: Mapped[list[int] | None] = mapped_column(PlainArray(Integer))  # None: not indexed yet
    has_notes: Mapped[bool] = mapped_column(server_default=false())  # the keys are also those of the lead's notes
