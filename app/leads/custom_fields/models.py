"""Custom fields that a clinic defines for its leads."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id

LONGEST_FIELD_KEY, LONGEST_FIELD_LABEL, LONGEST_OPTION, MOST_OPTIONS = 50, 100, 100, 100
FIELD_KEY = f"^[a-z][a-z0-9_]{{0,{LONGEST_FIELD_KEY - 1}}}$"


class FieldType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    CHOICE = "choice"  # one of `options`


class CustomField(Base):
    """Definition of a custom field. Its key and type never change, because stored values depend on them."""

    __tablename__ = "custom_fields"
    __table_args__ = (UniqueConstraint("clinic_id", "key"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    key: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    options: Mapped[list[str]] = mapped_column(ARRAY(Text))
    required: Mapped[bool]
    archived: Mapped[bool]  # existing values stay visible; new values are refused
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


def options_error(type: str | None, options: list[str]) -> str | None:  # noqa: A002
    """Return the error in the options of a field of this type; None if they are valid."""
    if type == FieldType.CHOICE:
        return None if options and len(options) == len(set(options)) else "Give at least one option, each once."
    return "Only a field of type choice has options." if options else None
