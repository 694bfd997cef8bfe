"""Uploaded lead files and their rows, kept until they expire."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id

RETENTION: Final = timedelta(days=7)  # the file holds personal data of people who may never become leads


class Import(Base):
    """Uploaded lead file, and its last job."""

    __tablename__ = "imports"
    __table_args__ = (Index("ix_imports_clinic", "clinic_id", "id"), Index("ix_imports_created_at", "created_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    encoding: Mapped[str | None] = mapped_column(Text)
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    rows: Mapped[int]
    job_id: Mapped[UUID | None]  # last preview or run
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]


class ImportRow(Base):
    """One row of a file."""

    __tablename__ = "import_rows"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 0, empty rows not counted
    number: Mapped[int]  # row number in the spreadsheet
    cells_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # None: erased


class ImportRowKey(Base):
    """First row of a file with a phone number or e-mail address, as its blind index. Written by previews."""

    __tablename__ = "import_row_keys"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    blind_index: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    position: Mapped[int]
