"""Effects of a mail on its lead: a reply, an automatic reply, a bounce or a complaint."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.ports import Listeners
from app.core.type_aliases import JsonObject
from app.engine.events.events import EventName
from app.engine.models import BegunBy, Kind
from app.engine.service import add_steps, record, step_row
from app.engine.statistics.outcome_statistics import Series, add_counts
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.users.lookup import active_users
from app.leads.activities.messages import discount_message
from app.leads.activities.service import log_activity
from app.leads.assignment.coordinators import coordinator_of
from app.leads.errors import LeadIsLocked
from app.leads.events import lead_event
from app.leads.models import Lead
from app.leads.search.lookup import lock_lead
from app.leads.timeline.models import ActivityType, CountsAs, Direction
from app.leads.timeline.vocabulary import ContactChannel
from app.messaging.channels import email, in_app
from app.messaging.compose import MessageMetadata
from app.messaging.contact_policy.keywords import Keyword, apply_keyword, asks_to_stop, said
from app.messaging.contact_policy.opt_outs import opt_out
from app.messaging.contact_policy.suppression_list import (
    INVALID_ADDRESS,
    OPTED_OUT,
    UNREACHABLE,
    suppress_addresses,
    unsuppress_addresses,
)
from app.messaging.inbound.models import Classification, InboundEmail, Question
from app.messaging.inbound.sentiment.settings import sentiment_columns
from app.messaging.models import AddressKind, Notification, NotificationState
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.send import send_notice
from app.messaging.user_preferences.kinds import NoticeKind

NOTHING: Final[JsonObject] = {}
REPLY_NOTICE: Final = "email-reply"  # template of the coordinator's notice
UNSURE_NOTICE: Final = "email-unsure"
FORGERY_NOTICE: Final = "email-forged"
MOST_SOFT_BOUNCES: Final = 3  # messages to one address; the last one suppresses it
DAYS_TO_DECIDE: Final = {Question.AUTHOR: timedelta(days=2), Question.OPT_OUT: timedelta(days=10)}  # business days
REQUEST_STEP: Final = "opt-out-request"  # the step that creates the task about a request
_REQUEST_TITLE: Final = "Asks for no more messages: decide"
_REQUEST_TEXT: Final = (
    "The lead seems to ask for no more messages. Automatic messages wait until you decide: below the message, or by"
    " completing this task, which opts the lead out of all messages."
)
SOFT_BOUNCE_PERIOD: Final = timedelta(days=30)

# Called in the same transaction: the lead's enrollments pause until a user decides whether the lead wrote.
author_asked: Listeners[[Session, UUID, datetime]] = Listeners("author_asked")


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a mail on its lead."""

    kind: Classification
    lead_id: UUID
    notification_id: UUID | None
    at: datetime
    text: str = ""  # of a reply
    subject: str = ""
    sender: str | None = None
    reason: str | None = None  # of a bounce: its status code


def effect_of(mail: InboundEmail, kind: Classification, lead_id: UUID) -> Effect:
    """Return the effect of a stored mail."""
    words = {"text": mail.body or "", "subject": mail.subject or "", "sender": mail.sender}
    return Effect(kind, lead_id, None, mail.received_at, **words)


class Asked(NamedTuple):
    """A question, and when it is decided without a user."""

    question: Question
    decide_by: datetime


def apply_effect(session: Session, actor: Actor, effect: Effect) -> UUID | None:
    """Apply the effect. Returns the id of the entry on the lead's timeline, if there is one."""
    lead = lock_lead(session, actor.clinic.id, effect.lead_id)
    if lead is None:
        return None
    match effect.kind:
        case Classification.REPLY:
            if obey_keyword(session, actor, lead, effect):
                return _log(session, actor, effect, {"counts_as": CountsAs.OPT_OUT})
            notify_coordinator(session, actor, lead, effect.at, label=email.CHANNEL.label, template=REPLY_NOTICE)
            return _log(session, actor, effect, sentiment_columns(actor.clinic, effect.text, lead.language))
        case Classification.UNSURE:
            _notify_of_unsure_reply(session, actor, lead, effect.at)
            return _log(session, actor, effect)
        case Classification.AUTO_REPLY:
            return _log(session, actor, effect)
        case Classification.BOUNCE_HARD | Classification.BOUNCE_SOFT:
            _apply_bounce(session, actor, lead, effect)
        case Classification.COMPLAINT:
            opt_out(session, actor, lead.id)
    return None


def obey_keyword(session: Session, actor: Actor, lead: Lead, effect: Effect) -> bool:
    """Obey STOP and START, for the lead and the sender's address. Return whether the mail is one of them."""
    words = said(effect.text, effect.subject)
    keyword = apply_keyword(session, actor, lead, words, kind=AddressKind.EMAIL)
    if keyword is Keyword.STOP:
        suppress_sender(session, lead.clinic_id, effect.sender)
    elif keyword is Keyword.START and effect.sender:
        unsuppress_addresses(session, lead.clinic_id, [(AddressKind.EMAIL, effect.sender)], only=OPTED_OUT)
    return keyword is not None


def suppress_sender(session: Session, clinic_id: UUID, sender: str | None) -> None:
    """Put the address of a mail that is only a stop word on the suppression list, whoever has the address."""
    if sender:
        suppress_addresses(session, clinic_id, [(AddressKind.EMAIL, sender)], reason=OPTED_OUT)


def question_of(session: Session, actor: Actor, effect: Effect) -> Asked | None:
    """Return the question that a mail of the lead asks, after its effects; None if it asks none."""
    if effect.kind is Classification.UNSURE:
        author_asked(session, effect.lead_id, effect.at)
        return _asked(actor.clinic, Question.AUTHOR, effect.at)
    if effect.kind is not Classification.REPLY:
        return None
    words = said(effect.text, effect.subject)
    return ask_for_opt_out(session, actor, effect.lead_id, words, kind=AddressKind.EMAIL, at=effect.at)


def ask_for_opt_out(
    session: Session, actor: Actor, lead_id: UUID, words: str, *, kind: AddressKind, at: datetime
) -> Asked | None:
    """Return the question that a reply asks if it may ask for no more messages, after its effects.

    It also plans an urgent task for the coordinator.
    """
    if not asks_to_stop(words, kind):
        return None
    lead = lock_lead(session, actor.clinic.id, lead_id)
    if lead is None or lead.opted_out_at is not None:
        return None
    asked = _asked(actor.clinic, Question.OPT_OUT, at)
    add_steps(session, [_task(actor.clinic, lead_id, now())])
    return asked


def ask(message: Any, asked: Asked | None) -> None:
    """Store the question that a mail or text asks, if it asks one."""
    if asked is not None:
        message.question, message.decide_by = asked


def _log(session: Session, actor: Actor, effect: Effect, more: JsonObject = NOTHING) -> UUID | None:
    """Log the mail as inbound: a reply cancels everything pending in this transaction, an automatic one nothing."""
    entry = {
        "type": ActivityType.EMAIL,
        "channel": ContactChannel.EMAIL,
        "direction": Direction.INBOUND,
        "is_auto_reply": effect.kind in (Classification.AUTO_REPLY, Classification.UNSURE),
        "occurred_at": effect.at,
        "notes": effect.text or None,
        **more,
    }
    with suppress(LeadIsLocked):  # converted or restricted: nothing is pending, and nothing may be logged
        return log_activity(session, actor, effect.lead_id, entry).id
    return None


def notify_coordinator(session: Session, actor: Actor, lead: Lead, at: datetime, *, label: str, template: str) -> None:
    """Notify the lead's coordinator in the app that the lead replied, such as `by e-mail`."""
    name = f"{lead.first_name} {lead.last_name}".strip()
    wording = Wording(f"{name} replied {label}", f"{name} replied {label}. The reply is on the timeline.")
    _notify_coordinator(session, actor, lead, wording, template=template, at=at)


def _notify_of_unsure_reply(session: Session, actor: Actor, lead: Lead, at: datetime) -> None:
    name = f"{lead.first_name} {lead.last_name}".strip()
    wording = Wording(
        f"Did {name} reply, or a program?",
        f"A mail of {name} looks automatic, but may be a reply. Messages to the lead wait until you decide:"
        " open the lead's messages.",
    )
    _notify_coordinator(session, actor, lead, wording, template=UNSURE_NOTICE, at=at)


def notify_of_forgery(session: Session, actor: Actor, lead_id: UUID, at: datetime) -> None:
    """Notify the lead's coordinator that a mail in the lead's name waits for a decision."""
    lead = lock_lead(session, actor.clinic.id, lead_id)
    if lead is None:
        return
    name = f"{lead.first_name} {lead.last_name}".strip()
    wording = Wording(
        f"A mail in the name of {name} may be forged",
        f"The mail server could not confirm that a mail in the name of {name} is from the sender's domain (DMARC)."
        " It stopped nothing. Read it under the unmatched mail, and assign it to the lead if it is genuine.",
    )
    _notify_coordinator(session, actor, lead, wording, template=FORGERY_NOTICE, at=at)


def _notify_coordinator(
    session: Session, actor: Actor, lead: Lead, wording: Wording, *, template: str, at: datetime
) -> None:
    coordinator = coordinator_of(lead.id, lead.assigned_to_id, active_users(session, actor.clinic.id))
    if coordinator is None:
        return
    metadata = MessageMetadata(actor.clinic.id, template=template, notice=NoticeKind.REPLY, lead_id=lead.id)
    send_notice(
        session, actor.clinic, coordinator.id, wording, metadata=metadata, channels=[in_app.CHANNEL.name], at=at
    )


def _apply_bounce(session: Session, actor: Actor, lead: Lead, effect: Effect) -> None:
    """Mark the message as failed. An address that does not exist is suppressed, and the bounce ends enrollments.

    An address with `MOST_SOFT_BOUNCES` is suppressed too. `delivered_at` stays: if a server reported both, both are
    shown.
    """
    notification = _lock_message(session, effect)
    if notification is None:
        return
    is_hard = effect.kind is Classification.BOUNCE_HARD
    if is_hard and notification.address:
        address = (AddressKind.EMAIL, notification.address)
        suppress_addresses(session, lead.clinic_id, [address], reason=INVALID_ADDRESS)
    if notification.state not in (NotificationState.SENT, NotificationState.UNKNOWN):
        return  # reported before, or refused when it was sent
    was_counted = notification.state == NotificationState.SENT
    notification.state = NotificationState.FAILED
    notification.error = f"it bounced: {effect.reason or 'no status code'}"
    if notification.activity_id is not None:
        discount_message(session, actor, notification.activity_id)
    if was_counted and notification.series is not None:
        counts = Counter(bounced=1) if is_hard else Counter(sent=-1, failed=1)
        add_counts(session, {Series(lead.clinic_id, notification.series): counts})
    if not is_hard and _is_unreachable(session, lead, notification, at=effect.at):
        address = (AddressKind.EMAIL, str(notification.address))
        suppress_addresses(session, lead.clinic_id, [address], reason=UNREACHABLE)
    _record_event(session, actor, lead, notification, is_hard=is_hard, at=effect.at)


def _is_unreachable(session: Session, lead: Lead, notification: Notification, *, at: datetime) -> bool:
    """Whether this is one soft bounce too many of the message's address since the lead last wrote or called."""
    since = max(at - SOFT_BOUNCE_PERIOD, lead.replied_at or lead.created_at)
    bounced = (
        select(Notification)
        .join(InboundEmail, InboundEmail.notification_id == Notification.id)
        .where(InboundEmail.lead_id == lead.id, InboundEmail.received_at >= since)
        .where(InboundEmail.classification == Classification.BOUNCE_SOFT)
    )
    earlier = {one.id for one in session.scalars(bounced) if one.address == notification.address}
    return len(earlier | {notification.id}) >= MOST_SOFT_BOUNCES


def _lock_message(session: Session, effect: Effect) -> Notification | None:
    wanted = select(Notification).where(Notification.id == effect.notification_id)
    return session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).one_or_none()


def _record_event(
    session: Session, actor: Actor, lead: Lead, notification: Notification, *, is_hard: bool, at: datetime
) -> None:
    name = EventName.MESSAGE_BOUNCED if is_hard else EventName.MESSAGE_FAILED
    about = {"channel": notification.channel, "template": notification.template}
    event = lead_event(name, lead, at, about=about, subject_id=notification.id, key="")
    record(session, actor.clinic, event)


def _asked(clinic: ClinicContext, question: Question, at: datetime) -> Asked:
    return Asked(question, clinic.calendar.add_business_days(at, DAYS_TO_DECIDE[question]))


def _task(clinic: ClinicContext, lead_id: UUID, at: datetime) -> Any:
    return step_row(
        clinic.id,
        lead_id,
        kind=Kind.CREATE_TASK,
        name=REQUEST_STEP,
        params={
            "title": _REQUEST_TITLE,
            "description": _REQUEST_TEXT,
            "type": "FOLLOW_UP",
            "priority": "URGENT",
            "task_due_at": clinic.calendar.add_business_days(at, timedelta(days=1)).isoformat(),
        },
        cause={"event": "lead.replied", "subject_id": str(lead_id), "occurred_at": at.isoformat()},
        begun_by=BegunBy.QUESTION,
        due_at=at,
    )
