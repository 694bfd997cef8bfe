"""Activities: the entries of a lead's timeline."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database.arrays import PlainArray
from app.core.db import Base, new_id
from app.security.encrypted_fields import EncryptedField
from app.security.search_keys import TextKind


class ActivityType(StrEnum):
    PHONE_CALL = "PHONE_CALL"
    EMAIL = "EMAIL"
    SMS = "SMS"
    IN_PERSON = "IN_PERSON"
    NOTE = "NOTE"
    STAGE_CHANGE = "STAGE_CHANGE"
    ASSIGNMENT_CHANGE = "ASSIGNMENT_CHANGE"
    TASK_COMPLETED = "TASK_COMPLETED"
    DOCUMENT_SENT = "DOCUMENT_SENT"
    CONSULTATION_SCHEDULED = "CONSULTATION_SCHEDULED"
    CONSULTATION_COMPLETED = "CONSULTATION_COMPLETED"
    CONSULTATION_MISSED = "CONSULTATION_MISSED"
    QUOTE_SENT = "QUOTE_SENT"
    ESTIMATE_CREATED = "ESTIMATE_CREATED"


class Direction(StrEnum):
    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


class Outcome(StrEnum):
    """Outcomes of activities and of tasks: those of simplepro-follow-up-automation.md, and those of calls."""

    SUCCESSFUL = "successful"
    SPOKE = "spoke"
    NO_ANSWER = "no_answer"
    VOICEMAIL = "voicemail"
    WRONG_NUMBER = "wrong_number"
    CALLBACK_REQUESTED = "callback_requested"
    RESCHEDULED = "rescheduled"
    NOT_INTERESTED = "not_interested"
    CONVERTED = "converted"


class CountsAs(StrEnum):
    """Meanings of entries that their type, direction and outcome do not tell."""

    ANSWER = "answer"  # a user answered the lead's own message: a contact, no attempt
    WAITING = "waiting"  # a message that was not handed over yet: nothing
    UNDELIVERED = "undelivered"  # a message that never left, or came back: nothing
    FOLLOWS = "follows"  # a change of stage because of another entry, which counts instead
    OPT_OUT = "opt_out"  # the lead wrote STOP or START: no reply


OUTCOME_WORDS: Final = {outcome.name: outcome for outcome in Outcome}  # accepted besides: in upper case
FAILED_ATTEMPTS = frozenset({Outcome.VOICEMAIL, Outcome.NO_ANSWER, Outcome.WRONG_NUMBER})
ANSWERED = frozenset(Outcome) - FAILED_ATTEMPTS  # an answer of any kind means that the user spoke with the lead
WRITTEN = frozenset({ActivityType.EMAIL, ActivityType.SMS})  # outbound: an attempt, unanswered until the lead replies


IS_STAGE_CHANGE: Final = "type = 'STAGE_CHANGE'"
IS_NOTE_ABOUT_A_TASK: Final = "type = 'NOTE' AND task_id IS NOT NULL"
IS_NOT_INDEXED: Final = "notes_blind IS NULL AND sealed IS NOT NULL"


class Activity(Base):
    """One entry of the timeline (lead-management.md, LeadActivity)."""

    __tablename__ = "lead_activities"
    private_fields = frozenset({"notes"})
    __table_args__ = (
        Index("ix_lead_activities_timeline", "lead_id", "occurred_at", "id"),
        Index("ix_lead_activities_clinic", "clinic_id", "id"),  # ids are ordered by time
        # For analytics: the stage changes of a lead, and the leads that entered a stage.
        Index(
            "ix_lead_activities_stage_changes",
            "lead_id",
            "occurred_at",
            "id",
            postgresql_where=text(IS_STAGE_CHANGE),
            postgresql_include=["previous_stage", "new_stage"],
        ),
        Index(
            "ix_lead_activities_stage_entries",
            *("clinic_id", "new_stage", "occurred_at"),
            postgresql_where=text(IS_STAGE_CHANGE),
            postgresql_include=["lead_id"],
        ),
        # For the search, and for notes from before it.
        Index(
            "ix_lead_activities_words",
            "notes_blind",
            postgresql_using="gin",
            postgresql_where=text("notes_blind IS NOT NULL"),
        ),
        Index(
            "ix_lead_activities_task_notes", "task_id", "occurred_at", "id", postgresql_where=text(IS_NOTE_ABOUT_A_TASK)
        ),
        Index("ix_lead_activities_not_indexed", "id", postgresql_where=text(IS_NOT_INDEXED)),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: the lead has one, and each check would lock the clinic's row
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(Text)
    channel: Mapped[str | None] = mapped_column(Text)  # phone, email, sms, in_person, …
    direction: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)
    notes = EncryptedField(words=TextKind.NOTES)
    sentiment: Mapped[str | None] = mapped_column(Text)  # of a message from the lead, if the clinic wants it
    sentiment_words = EncryptedField()  # list of the words that decided it
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    notes_blind: Mapped[list[int] | None] = mapped_column(PlainArray(Integer))  # None: no notes, or not indexed yet
    counts_as: Mapped[str | None] = mapped_column(Text)  # a CountsAs; None: as its type, direction and outcome tell
    is_auto_reply: Mapped[bool] = mapped_column(default=False)  # automatic reply, such as an out-of-office message
    duration_minutes: Mapped[int | None]
    scheduled_for: Mapped[datetime | None]  # time of the consultation
    task_id: Mapped[UUID | None]
    previous_stage: Mapped[str | None] = mapped_column(Text)
    new_stage: Mapped[str | None] = mapped_column(Text)
    occurred_at: Mapped[datetime]
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]  # None: automation (see step_id) or an API key
    step_id: Mapped[UUID | None]
