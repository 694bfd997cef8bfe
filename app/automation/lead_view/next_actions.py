"""Next best action of a lead: candidates by urgency, each with its reason and the facts behind it. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from app.core.calendar.calendar import Calendar
from app.core.db import to_json
from app.core.type_aliases import JsonDict
from app.leads.enums import OPEN_STATUSES
from app.leads.pipeline.consultations import COMPLETED, SCHEDULED

DUE_SOON: Final = timedelta(days=1)
TRY_AGAIN_AFTER: Final = timedelta(days=1)
MOST_ATTEMPTS: Final = 3  # lead-management.md, rule 8
QUIET_AFTER: Final = timedelta(days=3)


class NextAct(StrEnum):
    """Acts that are suggested."""

    REPLY = "reply"  # the lead wrote last
    DO_TASK = "do_task"  # an open task is overdue, or due within a day
    FIRST_CONTACT = "first_contact"
    CLOSE = "close_as_lost"  # no answer after three attempts
    CONFIRM = "confirm_consultation"
    FOLLOW_UP = "follow_up_consultation"
    BOOK = "book_consultation"
    TRY_AGAIN = "try_again"
    CHECK_IN = "check_in"  # quiet for days, and nothing is planned
    WAIT = "wait"  # something is planned
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Situation:
    """A lead with what was done and what is planned."""

    lead: Any  # columns of `Lead`
    at: datetime
    calendar: Calendar
    last_outbound_at: datetime | None
    task_title: str | None  # of the first open task
    task_due_at: datetime | None
    step_kind: str | None  # of the next pending step
    step_due_at: datetime | None

    def said(self, moment: datetime) -> str:
        """Return a time in words, in the clinic's zone."""
        return f"{self.calendar.local(moment):%d %B at %H:%M}"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An act with its reason in a sentence, and the facts used, as rules name them."""

    act: NextAct
    reason: str
    facts: JsonDict

    @property
    def facts_key(self) -> str:
        """A text that is equal while the facts are the same."""
        return hashlib.sha256(to_json(self.facts).encode()).hexdigest()[:32]


def candidates(known: Situation) -> Iterator[Suggestion]:
    """Yield the acts that fit, the most urgent one first. The last one always fits."""
    lead = known.lead
    if lead.status not in OPEN_STATUSES:
        yield Suggestion(NextAct.NONE, f"The lead is closed ({lead.status.lower()}).", {"lead.status": lead.status})
        return
    if lead.restricted_at is not None:
        yield Suggestion(NextAct.NONE, "The use of this lead's data is restricted.", {})
        return
    yield from _urgent(known)
    if lead.opted_out_at is None:
        yield from _in_stage(known)
    yield from _planned(known)
    yield Suggestion(NextAct.NONE, "Nothing is open for this lead.", {"lead.pipeline_stage": lead.pipeline_stage})


def _urgent(known: Situation) -> Iterator[Suggestion]:
    lead, replied = known.lead, known.lead.replied_at
    answered = max((at for at in (known.last_outbound_at, lead.contacted_at) if at), default=None)
    if replied and (answered is None or answered < replied):
        reason = f"The lead wrote or called on {known.said(replied)}, and nobody has answered."
        yield Suggestion(NextAct.REPLY, reason, {"lead.replied_at": replied, "lead.contacted_at": lead.contacted_at})
    due = known.task_due_at
    if due and due <= known.at + DUE_SOON:
        when = "was due" if due < known.at else "is due"
        reason = f"The task “{known.task_title}” {when} on {known.said(due)}."
        yield Suggestion(NextAct.DO_TASK, reason, {"lead.next_follow_up_at": due})
    if lead.first_contact_at is None and due is None and lead.opted_out_at is None:
        reason = f"Nobody has contacted this lead since it came in on {known.said(lead.created_at)}."
        yield Suggestion(NextAct.FIRST_CONTACT, reason, {"lead.first_contact_at": None})


def _in_stage(known: Situation) -> Iterator[Suggestion]:
    """Yield the acts that the stage and the attempts so far call for, unless a task is open or a step will act."""
    if known.task_due_at or known.step_due_at:
        return
    lead = known.lead
    attempts = {"lead.failed_attempts": lead.failed_attempts}
    stage = {"lead.pipeline_stage": lead.pipeline_stage}
    if lead.failed_attempts >= MOST_ATTEMPTS:
        yield Suggestion(NextAct.CLOSE, f"{lead.failed_attempts} attempts in a row had no answer.", attempts)
    if lead.pipeline_stage == SCHEDULED:
        yield Suggestion(NextAct.CONFIRM, "A consultation is booked, and nothing reminds the lead of it.", stage)
    quiet = known.at - lead.last_activity_at >= QUIET_AFTER
    quiet_since = {"lead.last_activity_at": lead.last_activity_at}
    if lead.pipeline_stage == COMPLETED and quiet:
        reason = f"The consultation took place, and nothing has happened since {known.said(lead.last_activity_at)}."
        yield Suggestion(NextAct.FOLLOW_UP, reason, {**stage, **quiet_since})
    if lead.contacted_at and lead.pipeline_stage != COMPLETED and not {SCHEDULED, COMPLETED} & set(lead.past_stages):
        if lead.pipeline_stage != SCHEDULED:
            on = known.said(lead.contacted_at)
            reason = f"A user was in contact with the lead on {on}, and no consultation is booked."
            yield Suggestion(NextAct.BOOK, reason, {"lead.contacted_at": lead.contacted_at, **stage})
    elif 0 < lead.failed_attempts < MOST_ATTEMPTS and known.at - lead.last_activity_at >= TRY_AGAIN_AFTER:
        reason = f"{lead.failed_attempts} of {MOST_ATTEMPTS} attempts had no answer; the last one is a day old."
        yield Suggestion(NextAct.TRY_AGAIN, reason, {**attempts, **quiet_since})
    if quiet:
        reason = f"Nothing has happened since {known.said(lead.last_activity_at)}, and nothing is planned."
        yield Suggestion(NextAct.CHECK_IN, reason, quiet_since)


def _planned(known: Situation) -> Iterator[Suggestion]:
    if known.task_due_at:
        reason = f"The next task, “{known.task_title}”, is due on {known.said(known.task_due_at)}."
        yield Suggestion(NextAct.WAIT, reason, {"lead.next_follow_up_at": known.task_due_at})
    elif known.step_due_at and known.step_kind:
        what = known.step_kind.replace("_", " ")
        reason = f"The automation will act on {known.said(known.step_due_at)}: {what}."
        yield Suggestion(NextAct.WAIT, reason, {"step.due_at": known.step_due_at})
