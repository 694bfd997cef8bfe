"""Columns that rules and sequences share: the row with the definition in force, and the rows of all its versions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import new_id
from app.core.type_aliases import JsonDict


class VersionedDefinition:
    """A definition that a clinic edits in versions, with the one in force."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    playbook: Mapped[str] = mapped_column(Text)  # the playbook it was installed from; "" for the clinic's own
    slug: Mapped[str] = mapped_column(Text)
    definition: Mapped[JsonDict | None] = mapped_column(JSONB(none_as_null=True))  # None while only drafts exist
    published: Mapped[int | None]  # number of the version in force
    active: Mapped[bool] = mapped_column(default=True)
    paused_because: Mapped[str | None] = mapped_column(Text)  # set when the engine itself switched it off
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    updated_by: Mapped[UUID | None]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)  # counts edits, for If-Match


class DefinitionVersion:
    """One version of a definition. A published version never changes."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    number: Mapped[int | None]  # None for a draft
    definition: Mapped[JsonDict]
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
    note: Mapped[str | None] = mapped_column(Text)  # why it was published; None: a user published it
