"""Effects of text messages and of reports about them on a lead. Gateways and providers share them."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.engine.events.events import EventName
from app.engine.service import record
from app.engine.statistics.outcome_statistics import Series, add_counts
from app.identity.actor import Actor
from app.leads.activities.messages import discount_message
from app.leads.activities.service import log_activity
from app.leads.errors import LeadIsLocked
from app.leads.events import lead_event
from app.leads.models import Lead
from app.leads.timeline.models import ActivityType, CountsAs, Direction
from app.leads.timeline.vocabulary import ContactChannel
from app.messaging.contact_policy.keywords import apply_keyword
from app.messaging.inbound.sentiment.settings import sentiment_columns
from app.messaging.models import AddressKind, Notification, NotificationState


@dataclass(frozen=True, slots=True)
class MessageReport:
    """A report about one sent message. Its lead is locked."""

    actor: Actor
    notification: Notification
    lead: Lead
    at: datetime  # never in the future


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of a lead by text message."""

    channel: ContactChannel
    at: datetime
    text: str | None
    is_auto_reply: bool = False


def set_first_time(session: Session, report: MessageReport, column: str, name: EventName) -> None:
    """Set a time of the message and record the event. Only the first time counts."""
    if getattr(report.notification, column) is None:
        setattr(report.notification, column, report.at)
        record_event(session, report, name)


def mark_failed(notification: Notification, error: str) -> bool:
    """Set the notification to failed if it was sent, and return whether it was. `delivered_at` stays.

    If a provider reports both, both are shown.
    """
    was_sent = notification.state == NotificationState.SENT
    if was_sent:
        notification.state, notification.error = NotificationState.FAILED, error
    return was_sent


def discount(session: Session, report: MessageReport) -> None:
    """Take back what the message counted as, if a user wrote it: it did not reach the lead."""
    if report.notification.activity_id is not None:
        discount_message(session, report.actor, report.notification.activity_id)


def count_outcome(session: Session, notification: Notification, figures: Counter[str]) -> None:
    """Count the outcome for the message's rule or sequence."""
    if notification.series is not None:
        add_counts(session, {Series(notification.clinic_id, notification.series): figures})


def record_event(session: Session, report: MessageReport, name: EventName) -> None:
    """Record an event about the message."""
    about = {"channel": report.notification.channel, "template": report.notification.template}
    event = lead_event(name, report.lead, report.at, about=about, subject_id=report.notification.id, key="")
    record(session, report.actor.clinic, event)


def obey_keyword(session: Session, actor: Actor, lead: Lead, reply: Reply) -> bool:
    """Obey STOP and START. Return whether the message is one of them, and so no reply."""
    words = None if reply.is_auto_reply else reply.text
    return apply_keyword(session, actor, lead, words, kind=AddressKind.PHONE) is not None


def log_reply(session: Session, actor: Actor, lead: Lead, reply: Reply, *, is_keyword: bool) -> UUID | None:
    """Log the message on the timeline like a user would, with the same effects. Returns the id of the entry.

    Everything pending stops in this transaction, unless it is an automatic reply or a keyword.
    """
    words = None if reply.is_auto_reply else reply.text
    entry = {
        "type": ActivityType.SMS,
        "channel": reply.channel,
        "direction": Direction.INBOUND,
        "is_auto_reply": reply.is_auto_reply,
        "occurred_at": reply.at,
        "notes": reply.text,
        **({"counts_as": CountsAs.OPT_OUT} if is_keyword else sentiment_columns(actor.clinic, words, lead.language)),
    }
    with suppress(LeadIsLocked):  # converted or restricted: nothing is pending, and nothing may be logged
        return log_activity(session, actor, lead.id, entry).id
    return None
