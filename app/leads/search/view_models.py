"""Saved views: named filters of a list, private or shared with the clinic."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict


class SavedView:
    """Columns of a saved view."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(Text)
    filters: Mapped[JsonDict]  # as in the query string
    shared: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class LeadView(SavedView, Base):
    """Named filters of the list of leads."""

    __tablename__ = "lead_views"
    __table_args__ = (
        UniqueConstraint("user_id", "name"),
        Index("ix_lead_views_shared", "clinic_id", postgresql_where=text("shared")),
    )
