"""Who saw and changed what: entries that nobody can change, and the seals that show it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ForeignKey, Identity, Index, LargeBinary, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class Act(StrEnum):
    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ERASE = "erase"  # what was known of a person is forgotten, the values of the entries about them too


class AuditEntry(Base):
    """One look at, or change of, one or many things of a kind, by one call (security: ASVS 16, HIPAA).

    The application may add and read entries, and nothing else; the number and the time are the database's own.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_clinic", "clinic_id", "at", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    clinic_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    user_id: Mapped[UUID | None]
    api_key_id: Mapped[UUID | None]
    address: Mapped[str | None] = mapped_column(Text)  # where the call came from
    request_id: Mapped[str | None] = mapped_column(Text)
    operation: Mapped[str] = mapped_column(Text)  # the API's name of the call
    act: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)  # what kind of thing: lead, task, user, …
    ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text))  # that were changed
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)  # SHA-256 of its AuditChange, while there is one


class AuditChange(Base):
    """The values before and after, of an entry: apart, so that a person can be erased while the entry stays."""

    __tablename__ = "audit_changes"

    entry: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    clinic_id: Mapped[UUID | None]  # None: written before row-level security, and its entry's
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class AuditSeal(Base):
    """The end of a stretch of a clinic's entries: what is sealed can't be changed without showing."""

    __tablename__ = "audit_seals"

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1, without gaps
    up_to: Mapped[int] = mapped_column(BigInteger)  # the number of the last entry in it
    entries: Mapped[int]
    seal: Mapped[bytes] = mapped_column(LargeBinary)  # over the seal before, and the entries
    sealed_at: Mapped[datetime]
