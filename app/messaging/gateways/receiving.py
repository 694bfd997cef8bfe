"""What gateways tell of the messages that they were sent, and what follows from it."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.engine.events.events import EventName
from app.engine.service import record
from app.engine.statistics.outcome_statistics import Series, count
from app.errors import NotFound
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Clinic
from app.leads.errors import LeadIsLocked
from app.leads.facts.events import lead_event
from app.leads.models import Lead
from app.leads.timeline.models import ActivityType, Direction
from app.leads.timeline.service import log_activity
from app.leads.timeline.vocabulary import WayOfContact
from app.messaging.contact_policy.suppression_list import suppress_addresses
from app.messaging.gateways.models import Gateway, Told, Why
from app.messaging.models import Notification, NotificationState, Way
from app.security.encrypted_fields import opened

RECEIPTS_ARE_KEPT: Final = timedelta(days=7)  # nobody tries longer to tell
INVALID: Final = "invalid"  # the reason of addresses that nobody has

_NOTE_CALL: Final = text(
    "INSERT INTO gateway_receipts (gateway_id, call_id, received_at) VALUES (:gateway, :call, :now)"
    " ON CONFLICT DO NOTHING RETURNING call_id"
)


def find_gateway(session: Session, gateway_id: UUID) -> Any:
    """The gateway of that id, opened, with its clinic's `rules_version`. Raises NotFound."""
    wanted = select(Gateway.__table__, Clinic.rules_version).join(Clinic, Clinic.id == Gateway.clinic_id)
    found = session.execute(wanted.where(Gateway.id == gateway_id)).one_or_none()
    if found is None:
        raise NotFound
    return opened(Gateway, found)


def take(session: Session, gateway: Any, call_id: str, events: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Take in what a call tells, as EventsIn reads it; one that came before changes nothing."""
    call = {"gateway": gateway.id, "call": call_id, "now": now()}
    if session.execute(_NOTE_CALL, call).one_or_none() is None:
        return {"taken": 0, "ignored": len(events)}
    actor = Actor.system(load_context(session, gateway.clinic_id, gateway.rules_version))
    notes = _notes(session, gateway, {event["message_id"] for event in events})
    leads = _lock_leads(session, notes.values())
    taken = 0
    for event in sorted(events, key=lambda event: event["at"]):
        note = notes.get(event["message_id"])
        if note is not None and note.lead_id in leads:
            at, reason = min(event["at"], now()), event.get("reason", Why.OTHER)
            words = {"text": event.get("text"), "is_auto_reply": event.get("is_auto_reply", False)}
            news = _News(actor, note, leads[note.lead_id], at=at, reason=reason, **words)
            _ACTS[event["status"]](session, news)
            taken += 1
    return {"taken": taken, "ignored": len(events) - taken}


def _notes(session: Session, gateway: Any, ids: Iterable[UUID]) -> dict[UUID, Notification]:
    sent = select(Notification).where(
        Notification.id.in_(ids), Notification.gateway_id == gateway.id, Notification.clinic_id == gateway.clinic_id
    )
    return {note.id: note for note in session.scalars(sent)}


def _lock_leads(session: Session, notes: Iterable[Notification]) -> dict[UUID | None, Lead]:
    """In the order of their ids, as everybody who locks several."""
    wanted = select(Lead).where(Lead.id.in_({note.lead_id for note in notes}), Lead.deleted_at.is_(None))
    locked = wanted.order_by(Lead.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    return {lead.id: lead for lead in session.scalars(locked)}


@dataclass(frozen=True, slots=True)
class _News:
    """What became of one message."""

    actor: Actor
    note: Notification
    lead: Lead
    at: datetime  # not ahead of our clock
    reason: Why
    text: str | None
    is_auto_reply: bool


def _date(column: str, name: EventName) -> "_Act":
    """The first time counts."""

    def act(session: Session, news: _News) -> None:
        if getattr(news.note, column) is None:
            setattr(news.note, column, news.at)
            _tell(session, news, name)

    return act


def _fail(session: Session, news: _News) -> None:
    if _give_up(news.note, "its gateway could not hand it on"):
        _count(session, news.note, Counter(sent=-1, failed=1))  # it was counted as sent
    _tell(session, news, EventName.MESSAGE_FAILED)


def _bounce(session: Session, news: _News) -> None:
    if _give_up(news.note, f"it came back: {news.reason}"):
        _count(session, news.note, Counter(bounced=1))
    if news.reason is Why.INVALID and (phone := json.loads(news.note.address or "{}").get("phone")):
        suppress_addresses(session, news.note.clinic_id, [(Way.PHONE, phone)], reason=INVALID)
    _tell(session, news, EventName.MESSAGE_BOUNCED)


def _reply(session: Session, news: _News) -> None:
    """On the timeline as a person would log it: what a reply stops, it stops."""
    entry = {
        "type": ActivityType.SMS,
        "channel": WayOfContact.SOCIAL if news.lead.social_handle else WayOfContact.SMS,
        "direction": Direction.INBOUND,
        "is_auto_reply": news.is_auto_reply,
        "occurred_at": news.at,
        "notes": news.text,
    }
    with suppress(LeadIsLocked):  # a patient by now, or restricted: nothing is pending, and nothing may be written
        log_activity(session, news.actor, news.lead.id, entry)


_Act: TypeAlias = Callable[[Session, _News], None]
_ACTS: Final[Mapping[Told, _Act]] = {
    Told.DELIVERED: _date("delivered_at", EventName.MESSAGE_DELIVERED),
    Told.OPENED: _date("opened_at", EventName.MESSAGE_OPENED),
    Told.CLICKED: _date("clicked_at", EventName.MESSAGE_CLICKED),
    Told.FAILED: _fail,
    Told.BOUNCED: _bounce,
    Told.REPLIED: _reply,
}


def _give_up(note: Notification, error: str) -> bool:
    """Whether it was taken for sent until now."""
    was_sent = note.state == NotificationState.SENT
    if was_sent:
        note.state, note.error = NotificationState.FAILED, error
    return was_sent


def _count(session: Session, note: Notification, figures: Counter[str]) -> None:
    if note.series is not None:
        count(session, {Series(note.clinic_id, note.series): figures})


def _tell(session: Session, news: _News, name: EventName) -> None:
    about = {"channel": news.note.channel, "template": news.note.template}
    record(
        session,
        news.actor.clinic,
        lead_event(name, news.lead, news.at, about=about, subject_id=news.note.id, key=""),
    )
