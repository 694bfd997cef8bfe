"""Who gets which lead: the clinic's rules, whose turn it is, what was decided, and who is not there."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id


class Strategy(StrEnum):
    ROUND_ROBIN = "round_robin"  # one after the other
    CAPACITY = "capacity"  # whoever has the fewest open leads for their weight
    SCHEDULE = "schedule"  # whoever is on duty, else whoever is so next; among them one after the other


class Why(StrEnum):
    RULE = "rule"
    DEFAULT = "default"  # no rule had anybody: a coordinator in turn
    MANUAL = "manual"
    REASSIGNED = "reassigned"  # with everything else of somebody
    DEACTIVATION = "deactivation"
    ORPHANED = "orphaned"  # nobody who works here had it
    AUTOMATION = "automation"  # an automation rule names them


class AbsentTasks(StrEnum):
    """What becomes of the open tasks of somebody absent that fall due meanwhile."""

    REROUTE = "reroute"  # to the cover, else to the lead's coordinator, else by the rules
    SHIFT = "shift"  # to the first opening after the absence
    LEAVE = "leave"


class AssignmentRule(Base):
    """Which leads go to whom, and how they are shared out. The first rule in order that has somebody decides."""

    __tablename__ = "assignment_rules"
    __table_args__ = (
        Index("ix_assignment_rules_clinic_id", "clinic_id", "position"),
        CheckConstraint(f"strategy IN ({', '.join(repr(s.value) for s in Strategy)})", name="strategy"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int]
    strategy: Mapped[str] = mapped_column(Text)
    conditions: Mapped[dict[str, Any]]  # as `rules.Conditions` reads them; none: every lead
    members: Mapped[list[Any]]  # user_id, weight and ceiling of each
    fallback_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))  # who takes it when no member can
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class AssignmentTurn(Base):
    """Whom a rule chose last: the next turn is the next one's."""

    __tablename__ = "assignment_turns"

    rule_id: Mapped[UUID] = mapped_column(ForeignKey("assignment_rules.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID]


class AssignmentEntry(Base):
    """One change of a lead's coordinator, and its reason."""

    __tablename__ = "assignment_history"

    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)  # in the order they were written
    clinic_id: Mapped[UUID]  # no keys of its own, nor for users: its lead has them, and users are never deleted
    from_id: Mapped[UUID | None]
    to_id: Mapped[UUID | None]
    by_id: Mapped[UUID | None]  # None: the automation, or a program
    why: Mapped[str] = mapped_column(Text)
    rule_id: Mapped[UUID | None]
    rule_name: Mapped[str | None] = mapped_column(Text)  # as it was called then
    reason: Mapped[str | None] = mapped_column(Text)  # in a person's words
    at: Mapped[datetime]


class Absence(Base):
    """A time in which somebody gets no new leads."""

    __tablename__ = "absences"
    __table_args__ = (
        Index("ix_absences_user_id", "user_id", "ends_at"),
        CheckConstraint("starts_at < ends_at", name="ends_after_start"),
        CheckConstraint(f"tasks IN ({', '.join(repr(t.value) for t in AbsentTasks)})", name="tasks"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    note: Mapped[str | None] = mapped_column(Text)
    cover_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    tasks: Mapped[str] = mapped_column(Text, default=AbsentTasks.REROUTE)
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]


class WorkingHours(Base):
    """When somebody works, where that differs from the clinic's opening hours."""

    __tablename__ = "working_hours"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    hours: Mapped[dict[str, Any]]  # as clinics have them; without a row the clinic's hold
    updated_at: Mapped[datetime]
