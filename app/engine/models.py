"""Engine tables: steps, the event log, holds, sweep runs and metric counters."""

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
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict


class StepState(StrEnum):
    PLANNED = "planned"  # row written, no message sent yet
    PUBLISHED = "published"  # message with its due time sent to the broker
    RUNNING = "running"  # external call in progress
    DONE = "done"
    SKIPPED = "skipped"  # due, but refused by its guard
    CANCELLED = "cancelled"  # cancelled before it was due
    FAILED = "failed"  # dead letter: all attempts used
    UNKNOWN = "unknown"  # interrupted during an external call: result unknown


PENDING = (StepState.PLANNED, StepState.PUBLISHED)


class Kind:
    """Names of the step kinds that code refers to. All kinds are in `app.engine.step_kind.STEP_KINDS`."""

    CREATE_TASK: Final = "create_task"
    REMIND: Final = "remind"
    ESCALATE: Final = "escalate"
    SEND_MESSAGE: Final = "send_message"
    SUGGEST_LOST: Final = "suggest_lost"
    NOTIFY: Final = "notify"
    BRANCH: Final = "branch"
    ENROLL: Final = "enroll"
    UNENROLL: Final = "unenroll"
    DELIVER: Final = "deliver"
    DELIVER_TO_USER: Final = "deliver_to_user"  # a message that speaks of no lead
    DELIVER_ACCOUNT_EMAIL: Final = "deliver_account_email"  # an invitation or a password reset
    DELIVERIES: Final = (DELIVER, DELIVER_TO_USER, DELIVER_ACCOUNT_EMAIL)  # of a notification
    IMPORT_CHUNK: Final = "import_chunk"
    CALL_WEBHOOK: Final = "call_webhook"
    SEND_DIGEST: Final = "send_digest"  # the daily digest of a user, or the weekly summary of an admin
    SEND_REPORT: Final = "send_report"  # a scheduled report to a user
    POST_WEBHOOKS: Final = "post_webhooks"  # the due calls of a webhook endpoint


class BegunBy(StrEnum):
    """Ways in which a step begins. `/why` has a story for each one; the step's cause holds it (`begun_by`)."""

    RULE = "rule"  # an event that a rule listens to
    BACKFILL = "backfill"  # a user applied a rule to existing leads
    BRANCH = "branch"  # another step: the chosen path of a branch
    REPETITION = "repetition"  # another step: the next repetition of `every`
    SEQUENCE = "sequence"  # an enrollment, begun by a user, a bulk job, a nurture or a rule
    STAGE = "stage"  # the lead entered a stage with task templates
    STEP = "step"  # another step, which wrote the message to deliver
    RETRY = "retry"  # a user sends a message again
    QUESTION = "question"  # a message of the lead asks for a decision of a user
    COLLEAGUE = "colleague"  # a lead with the same `exit_on_colleague` value replied
    JOB = "job"  # a part of a bulk job; it has no lead
    NOTICE = "notice"  # a message to users that no step wrote; it may be about a lead
    WEBHOOK = "webhook"  # due calls of a webhook endpoint; it has no lead
    USER = "user"  # a user wrote a message to the lead


class Reason(StrEnum):
    """Reasons why a step was skipped, cancelled or postponed."""

    ALREADY_CONTACTED = "already_contacted"  # a user was in contact with the lead
    REPLIED = "replied"  # the lead answered
    OPTED_OUT = "opted_out"
    CONVERTED = "converted"
    LOST = "lost"
    ARCHIVED = "archived"
    LEFT_STAGE = "left_stage"  # the lead changed its stage
    CONDITION_NOT_MET = "condition_not_met"  # another condition of the guard
    RULE_INACTIVE = "rule_inactive"
    RULE_PAUSED = "rule_paused"  # the engine paused the rule; the step waits for an admin
    TASK_DONE = "task_done"
    TASK_CANCELLED = "task_cancelled"
    TASK_MOVED = "task_moved"  # rescheduled: a newer step replaces it
    TASK_GONE = "task_gone"
    LEAD_GONE = "lead_gone"
    TOO_LATE = "too_late"  # later than `skip_when_later_than` allows
    OUTSIDE_HOURS = "outside_hours"  # quiet hours in the lead's zone, or in one of its possible zones
    OUTSIDE_BUSINESS_HOURS = "outside_business_hours"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"  # of the clinic, or of the lead's country
    DAILY_CAP = "daily_cap"  # the clinic's limit of messages per lead and day
    WEEKLY_CAP = "weekly_cap"
    SEQUENCE_CAP = "sequence_cap"  # limit of messages per lead from one rule or sequence
    MINIMUM_INTERVAL = "minimum_interval"  # too soon after the lead's last message
    ANOTHER_TOUCH = "another_touch"  # one message per window: an earlier or more important one was chosen
    AWAITS_DECISION = "awaits_decision"  # a user decides whether the lead replied, or asks for no more messages
    PREVIOUS_MESSAGE = "previous_message"  # an earlier message of the same enrollment is still to be sent
    NO_GATEWAY = "no_gateway"  # the clinic has no active gateway for the step, or several and no default
    NO_ACCOUNT = "no_account"  # the clinic has no active sending account for the message, or several and no default
    THROTTLED = "throttled"  # the sending account reached its rate limit
    CHANNEL_DOWN = "channel_down"  # the mail server or the gateway does not answer; the message waits for it
    OPTED_OUT_OF_CHANNEL = "opted_out_of_channel"
    SUPPRESSED = "suppressed"  # the address is on the clinic's suppression list
    NO_ADDRESS = "no_address"
    INVALID_ADDRESS = "invalid_address"  # the address has no valid format
    OUTSIDE_SESSION = "outside_session"  # WhatsApp: the lead wrote nothing in 24 hours, and no approved text is there
    NOBODY_TO_TELL = "nobody_to_tell"
    LINK_EXPIRED = "link_expired"  # the link in the invitation or password reset expired before it could be sent
    MISSING_FIELD = "missing_field"  # a template variable has no value and no fallback
    ALREADY_SUGGESTED = "already_suggested"
    ALREADY_ESCALATED = "already_escalated"  # the lead has an open escalation
    ALREADY_DELIVERED = "already_delivered"
    SKIPPED_ON_RESUME = "skipped_on_resume"  # due before the time that an operator chose when a hold ended
    JOB_CANCELLED = "job_cancelled"
    RESTRICTED = "restricted"  # processing is restricted at the lead's request
    ERASED = "erased"  # the lead's personal data was erased
    UNDELIVERED = "undelivered"  # the message that it followed did not reach the lead
    NO_REPLY = "no_reply"  # the reply that it followed was written by a program
    MERGED = "merged"  # the lead was merged into another lead that has the same step
    BY_HAND = "by_hand"  # decided by a user
    STOPPED = "stopped"  # an event in the rule's `stop_on`
    RESCHEDULED = "rescheduled"  # the consultation was rescheduled
    RULE_CHANGED = "rule_changed"  # the rule was deleted, or its pending steps were cancelled
    ALREADY_SO = "already_so"  # the lead is already in that stage or has that coordinator
    PAUSED = "paused"  # the enrollment is paused; the remaining wait is stored with it
    NEW_VERSION = "new_version"  # the enrollment moved to another version, which has its own step
    NOT_ENROLLED = "not_enrolled"  # the lead is no longer in the sequence
    TURNED_OFF = "turned_off"  # the user turned off this kind of notice on the channel
    WAITS_FOR_DIGEST = "waits_for_digest"  # it is sent with the user's next daily digest
    IN_DIGEST = "in_digest"  # it was sent in a daily digest
    READ_BEFORE_DIGEST = "read_before_digest"  # the user read it in the application before the digest
    DESTINATION_GONE = "destination_gone"  # the user removed the destination, or the browser its subscription
    NOTHING_NEW = "nothing_new"  # an empty digest
    WAITS_FOR_HOUR = "waits_for_hour"  # the user, or the owner of the report, chose a later hour for its e-mail
    NOT_SCHEDULED = "not_scheduled"  # the report, its schedule, or the user's permission to read it is gone
    NO_KEY = "no_key"  # the event does not say what it is about
    NO_TEMPLATE = "no_template"  # the task template that the step names was deleted
    NOT_POSSIBLE = "not_possible"  # the stage cannot be reached, or the field refuses the value


class EventRecord(Base):
    """A row of the event log: an event, the facts at that time, and the decision of each listening rule."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_lead", "lead_id", "id"),
        Index("ix_events_name", "clinic_id", "name", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[UUID]  # no foreign key: checking it would lock the clinic's row
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[UUID]
    key: Mapped[str] = mapped_column(Text)
    occurred_at: Mapped[datetime]
    facts: Mapped[JsonDict]  # codes, ids and times; of e-mail addresses and phone numbers only their presence
    chain: Mapped[JsonDict | None]  # cause chain (root, depth, rules); None if a person caused the event
    decisions: Mapped[list[Any]]  # one per listening rule: see `rule_evaluation`


class Step(Base):
    """One automation step. The row is the source of truth and the outbox; a message only wakes a worker."""

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
        Index(
            "ix_steps_due_by_clinic",
            "kind",
            "clinic_id",
            "due_at",
            "id",
            postgresql_where=text("state IN ('planned', 'published')"),
        ),
        Index("ix_steps_lease", "lease_until", postgresql_where=text("state = 'running'")),
        # Finished steps by time. A step writes `finished_at` once.
        Index("ix_steps_finished", "clinic_id", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
        Index(
            "ix_steps_put_off",
            "clinic_id",
            "due_at",
            postgresql_where=text("reason IS NOT NULL AND state IN ('planned', 'published')"),
        ),
        Index(
            "ix_steps_waiting",
            "waits_for",
            "clinic_id",
            "id",
            postgresql_where=text("waits_for IS NOT NULL AND state IN ('planned', 'published')"),
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
    clinic_id: Mapped[UUID]  # no foreign key: checking it would lock the clinic's row
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)  # slug of the rule: shown in logs and in Flower
    cause: Mapped[JsonDict]  # origin: rule and version, event, subject
    params: Mapped[JsonDict]  # ids and settings, never personal data
    guard: Mapped[JsonDict | None]  # `only_if` and `unless` as they were when the step was planned
    stop_on: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)  # events that cancel it
    lateness: Mapped[int | None]  # seconds: skip the step if it is later than this; None: never skip
    due_at: Mapped[datetime]
    moves: Mapped[list[Any] | None]  # what moved the due time, in order: `by`, `from`, `to`; see `engine.steps.moves`
    state: Mapped[str] = mapped_column(Text, default=StepState.PLANNED)
    reason: Mapped[str | None] = mapped_column(Text)
    waits_for: Mapped[str | None] = mapped_column(Text)  # while pending: a key of `engine.steps.waiting`; None: a time
    outcome: Mapped[JsonDict | None]  # ids of the created rows
    error: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    published_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    dedupe_key: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class SweepRun(Base):
    """The last run of each sweep and its result. It shows a stopped beat scheduler."""

    __tablename__ = "sweep_runs"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    runs: Mapped[int] = mapped_column(default=0)
    result: Mapped[JsonDict | None]
    error: Mapped[str | None] = mapped_column(Text)


class Hold(Base):
    """A period in which no step runs. It is open until `resumed_at`."""

    __tablename__ = "holds"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    because: Mapped[str] = mapped_column(Text)
    held_at: Mapped[datetime]
    backup_made_at: Mapped[datetime | None]  # of the backup that was restored; None: held by hand
    resumed_at: Mapped[datetime | None]
    skip_messages_before: Mapped[datetime | None]  # messages of steps that were due before this are suppressed


class MetricCounter(Base):
    """Metric counters of one process. Readers add up all processes, so two processes never update the same row."""

    __tablename__ = "counters"

    process: Mapped[str] = mapped_column(Text, primary_key=True)
    metric: Mapped[str] = mapped_column(Text, primary_key=True)
    labels: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[float] = mapped_column(Double, default=0)
    updated_at: Mapped[datetime]
