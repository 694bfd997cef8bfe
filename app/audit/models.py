"""Audit log: append-only entries, their encrypted values, and the hash chain that protects them."""

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
    ERASE = "erase"  # a person's data was deleted, with the values in earlier entries about them


class AuditEntry(Base):
    """One read or change of one or more objects of a kind, by one call (OWASP ASVS 16, HIPAA).

    The application may only insert and read entries. The database sets the number and the time.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_clinic", "clinic_id", "at", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    clinic_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    user_id: Mapped[UUID | None]
    api_key_id: Mapped[UUID | None]
    address: Mapped[str | None] = mapped_column(Text)  # IP address of the caller
    request_id: Mapped[str | None] = mapped_column(Text)
    operation: Mapped[str] = mapped_column(Text)  # `operationId` of the call
    act: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)  # kind of object: lead, task, user, …
    ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text))  # names of the changed fields
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)  # SHA-256 of its AuditChange; None without one


class AuditChange(Base):
    """The encrypted values of an entry before and after. A separate table, so that erasing a person keeps the entry."""

    __tablename__ = "audit_changes"

    entry: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    clinic_id: Mapped[UUID | None]  # None in rows older than row-level security: see the entry
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class AuditChainLink(Base):
    """One link of a clinic's hash chain. It covers a batch of entries, so that a later change is detected."""

    __tablename__ = "audit_seals"

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1, without gaps
    up_to: Mapped[int] = mapped_column(BigInteger)  # number of the last entry that it covers
    entries: Mapped[int]
    seal: Mapped[bytes] = mapped_column(LargeBinary)  # HMAC over the previous link and the entries
    sealed_at: Mapped[datetime]
