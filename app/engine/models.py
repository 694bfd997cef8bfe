"""Rules, the steps they plan, and what the sweeps and processes report."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.engine.versioned_models import DefinitionVersion, VersionedDefinition


class StepState(StrEnum):
    PLANNED = "planned"  # a row, and nothing else yet
    PUBLISHED = "published"  # a message with its time is at the broker
    RUNNING = "running"  # somebody outside was asked, and has not answered yet
    DONE = "done"
    SKIPPED = "skipped"  # due, but its guard said no
    CANCELLED = "cancelled"  # stopped before it was due
    FAILED = "failed"  # the dead letter: tried often enough
    UNKNOWN = "unknown"  # cut off while somebody outside was asked


PENDING = (StepState.PLANNED, StepState.PUBLISHED)


class Kind:
    """Names of the step kinds that code refers to. All kinds are in `app.engine.step_kind.STEP_KINDS`."""

    CREATE_TASK: Final = "create_task"
    REMIND: Final = "remind"
    ESCALATE: Final = "escalate"
    SEND_MESSAGE: Final = "send_message"
    SUGGEST_LOST: Final = "suggest_lost"
    NOTIFY: Final = "notify"
    CHANGE_STAGE: Final = "change_stage"
    ASSIGN: Final = "assign"
    UPDATE_LEAD: Final = "update_lead"
    COMPLETE_TASKS: Final = "complete_tasks"
    BRANCH: Final = "branch"
    WAIT: Final = "wait"
    ENROLL: Final = "enroll"
    UNENROLL: Final = "unenroll"
    DELIVER: Final = "deliver"
    DELIVER_TO_USER: Final = "deliver_to_user"  # a message that speaks of no lead
    IMPORT_CHUNK: Final = "import_chunk"
    CALL_WEBHOOK: Final = "call_webhook"


class Reason(StrEnum):
    """Why a step did not do, or no longer had to do, what it was planned for."""

    ALREADY_CONTACTED = "already_contacted"  # somebody spoke with the lead
    REPLIED = "replied"  # the lead answered
    OPTED_OUT = "opted_out"
    CONVERTED = "converted"
    LOST = "lost"
    ARCHIVED = "archived"
    LEFT_STAGE = "left_stage"  # the lead moved on
    CONDITION_NOT_MET = "condition_not_met"  # another guard of the rule
    RULE_INACTIVE = "rule_inactive"
    RULE_PAUSED = "rule_paused"  # the engine paused its rule: it waits for somebody to look
    TASK_DONE = "task_done"
    TASK_CANCELLED = "task_cancelled"
    TASK_MOVED = "task_moved"  # re-timed: a newer step stands for it
    TASK_GONE = "task_gone"
    LEAD_GONE = "lead_gone"
    TOO_LATE = "too_late"  # its lateness policy: better not at all than now
    OUTSIDE_HOURS = "outside_hours"  # the quiet hours of where the lead is, or may be
    OUTSIDE_BUSINESS_HOURS = "outside_business_hours"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"  # the clinic's, or that of the lead's own country
    DAILY_CAP = "daily_cap"  # the lead had as many messages today as the clinic allows
    WEEKLY_CAP = "weekly_cap"
    SEQUENCE_CAP = "sequence_cap"  # ... and of this rule or sequence, ever
    MINIMUM_INTERVAL = "minimum_interval"  # its last message is too short a time ago
    ANOTHER_TOUCH = "another_touch"  # one message in the window: an earlier one, or one that matters more
    THROTTLED = "throttled"  # the account that sends has used up what it may
    OPTED_OUT_OF_CHANNEL = "opted_out_of_channel"
    SUPPRESSED = "suppressed"  # the address is on the clinic's list
    NO_ADDRESS = "no_address"
    INVALID_ADDRESS = "invalid_address"  # nothing could be sent to it
    NOBODY_TO_TELL = "nobody_to_tell"
    MISSING_FIELD = "missing_field"  # its template speaks of something that has no value, and names no other words
    ALREADY_SUGGESTED = "already_suggested"
    ALREADY_DELIVERED = "already_delivered"
    JOB_CANCELLED = "job_cancelled"
    RESTRICTED = "restricted"  # the person asked to be left alone
    ERASED = "erased"  # the person was forgotten
    MERGED = "merged"  # the lead is part of another, which has the same step
    BY_HAND = "by_hand"  # a person decided
    STOPPED = "stopped"  # an event that its rule says ends it
    RESCHEDULED = "rescheduled"  # the consultation has another time
    RULE_CHANGED = "rule_changed"  # its rule was deleted, or its pending steps called off
    ALREADY_SO = "already_so"  # the lead is in that stage, or has that coordinator
    PAUSED = "paused"  # its enrollment: what is left of the wait is kept there
    NEW_VERSION = "new_version"  # its enrollment was moved to another version, which has a step of its own for it
    NOT_ENROLLED = "not_enrolled"  # the lead left its sequence
    NOT_POSSIBLE = "not_possible"  # no way leads to that stage, or the field refuses the value


class Rule(VersionedDefinition, Base):
    """A clinic's rule, with the definition in force; `rule_versions` has all its versions."""

    __tablename__ = "rules"
    __table_args__ = (
        Index("uq_rules_slug", "clinic_id", "slug", unique=True, postgresql_where=text("deleted_at IS NULL")),
        Index("ix_rules_active", "clinic_id", postgresql_where=text("active")),
    )


class RuleVersion(DefinitionVersion, Base):
    """One version of a rule. Steps name the version that planned them."""

    __tablename__ = "rule_versions"
    __table_args__ = (
        UniqueConstraint("rule_id", "number"),
        Index("uq_rule_versions_draft", "rule_id", unique=True, postgresql_where=text("number IS NULL")),
    )

    rule_id: Mapped[UUID] = mapped_column(ForeignKey("rules.id", ondelete="CASCADE"))


class KeptEvent(Base):
    """What happened to a lead, the facts as they were then, and what each rule that listens decided about it."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_lead", "lead_id", "id"),
        Index("ix_events_name", "clinic_id", "name", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[UUID]  # no key of its own: its lead has one, and each check locks the clinic's row
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[UUID]
    key: Mapped[str] = mapped_column(Text)
    occurred_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]]  # codes, ids and times; of an address only that there is one
    chain: Mapped[dict[str, Any] | None]  # root, depth and rules: what led to it, if no person did
    decisions: Mapped[list[Any]]  # one for each rule that listens: see `deciding`


class Step(Base):
    """One automation step. The row is the truth and the outbox; a message only wakes a worker."""

    __tablename__ = "steps"
    __table_args__ = (
        Index(
            "uq_steps_dedupe_key",
            "clinic_id",
            "dedupe_key",
            unique=True,
            postgresql_where=text("dedupe_key IS NOT NULL"),
        ),
        Index("ix_steps_lead", "lead_id", "due_at"),
        Index(
            "ix_steps_due",
            "kind",
            "due_at",
            postgresql_where=text("state IN ('planned', 'published')"),
        ),
        Index("ix_steps_lease", "lease_until", postgresql_where=text("state = 'running'")),
        # What ended when: written once, as a step ends.
        Index("ix_steps_finished", "clinic_id", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
        Index(
            "ix_steps_put_off",
            "clinic_id",
            "due_at",
            postgresql_where=text("reason IS NOT NULL AND state IN ('planned', 'published')"),
        ),
        Index(
            "ix_steps_trouble",
            "clinic_id",
            "state",
            "id",
            postgresql_where=text("state IN ('failed', 'unknown')"),
        ),
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in StepState)})", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no key of its own: its lead has one, and each check locks the clinic's row
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)  # the rule's slug: what people see in logs and Flower
    cause: Mapped[dict[str, Any]]  # rule and version, event, subject: where it came from
    params: Mapped[dict[str, Any]]  # ids and settings, never personal data
    guard: Mapped[dict[str, Any] | None]  # only_if / unless, as the rule had them when it was planned
    stop_on: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)  # events that cancel it
    lateness: Mapped[int | None]  # skip when later than this many seconds; None: run late
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text, default=StepState.PLANNED)
    reason: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[dict[str, Any] | None]  # ids of what it made
    error: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    published_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    dedupe_key: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class SweepRun(Base):
    """When each sweep last ran, and what it found: beat may be silent, this is not."""

    __tablename__ = "sweep_runs"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    runs: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(Text)


class Counter(Base):
    """A process's own counters, added up when they are read: no two processes write one row."""

    __tablename__ = "counters"

    process: Mapped[str] = mapped_column(Text, primary_key=True)
    metric: Mapped[str] = mapped_column(Text, primary_key=True)
    labels: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[float] = mapped_column(Double, default=0)
    updated_at: Mapped[datetime]
