"""Assignment rules, round-robin turns, assignment history, absences and working hours."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict


class Strategy(StrEnum):
    ROUND_ROBIN = "round_robin"  # members take turns
    CAPACITY = "capacity"  # the member with the fewest open leads relative to their weight
    SCHEDULE = "schedule"  # members on duty, else the next on duty; they take turns


class AssignmentReason(StrEnum):
    RULE = "rule"
    DEFAULT = "default"  # no rule chose a user: round robin over coordinators
    MANUAL = "manual"
    REASSIGNED = "reassigned"  # bulk reassignment of a user's leads and tasks
    DEACTIVATION = "deactivation"
    ORPHANED = "orphaned"  # had no active owner
    AUTOMATION = "automation"  # an automation rule assigned it


class AbsentTasks(StrEnum):
    """Handling of an absent user's open tasks that fall due during the absence."""

    REROUTE = "reroute"  # to the cover, else to the lead's coordinator, else by the rules
    SHIFT = "shift"  # due at the first opening after the absence
    LEAVE = "leave"


class AssignmentRule(Base):
    """Rule that assigns matching leads to its members. The first rule with an available user decides."""

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
    conditions: Mapped[JsonDict]  # read by `rules.Conditions`; empty: every lead
    members: Mapped[list[Any]]  # user_id, weight and ceiling of each
    fallback_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))  # gets the lead if no member is available
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class AssignmentTurn(Base):
    """User that a rule chose last, for round robin."""

    __tablename__ = "assignment_turns"

    rule_id: Mapped[UUID] = mapped_column(ForeignKey("assignment_rules.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID]


class TaskTurn(Base):
    """User of a clinic who got the last task that a rule or sequence gave by rotation."""

    __tablename__ = "task_turns"

    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)  # no foreign key: its check locks the clinic's row
    user_id: Mapped[UUID | None]  # None: nobody yet


class AssignmentEntry(Base):
    """One change of a lead's coordinator, with its reason."""

    __tablename__ = "assignment_history"

    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)  # UUIDv7: ordered by time of writing
    clinic_id: Mapped[UUID]  # no foreign keys here or for users: the lead has them, and users are never deleted
    from_id: Mapped[UUID | None]
    to_id: Mapped[UUID | None]
    by_id: Mapped[UUID | None]  # None: automation or an API key
    why: Mapped[str] = mapped_column(Text)
    rule_id: Mapped[UUID | None]
    rule_name: Mapped[str | None] = mapped_column(Text)  # name of the rule at that time
    reason: Mapped[str | None] = mapped_column(Text)  # free text by a user
    at: Mapped[datetime]


class Absence(Base):
    """Period in which a user gets no new leads."""

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
    """Working hours of a user that differ from the clinic's opening hours."""

    __tablename__ = "working_hours"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    hours: Mapped[JsonDict]  # same format as a clinic's opening hours, which apply if there is no row
    updated_at: Mapped[datetime]
