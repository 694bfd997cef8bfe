"""Files of leads: what was sent, row by row, until the leads are taken in or the time is over."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id

KEPT_FOR: Final = timedelta(days=7)  # it holds people who may never become leads


class Import(Base):
    """A file of leads, and what was last made of it."""

    __tablename__ = "imports"
    __table_args__ = (Index("ix_imports_clinic", "clinic_id", "id"), Index("ix_imports_created_at", "created_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    encoding: Mapped[str | None] = mapped_column(Text)
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    rows: Mapped[int]
    job_id: Mapped[UUID | None]  # the last preview or run
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]


class ImportRow(Base):
    """One row of a file."""

    __tablename__ = "import_rows"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 0, without empty rows
    number: Mapped[int]  # as the spreadsheet counts it
    cells_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # None: forgotten
