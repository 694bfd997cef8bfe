"""Status events from gateways: process the reported status of sent messages."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn, Protocol, TypeAlias
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.http_client.signing import WrongSignature, new_secret, valid_secrets, verify
from app.core.type_aliases import JsonObject
from app.engine.events.events import EventName
from app.errors import NotFound, Unauthenticated
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Clinic
from app.leads.models import Lead
from app.leads.timeline.vocabulary import ContactChannel
from app.messaging.contact_policy.suppression_list import INVALID_ADDRESS, suppress_addresses
from app.messaging.gateways.models import BounceReason, Gateway, ReceiptStatus
from app.messaging.gateways.service import CalledGateway
from app.messaging.inbound.texts.effects import (
    MessageReport,
    Reply,
    count_outcome,
    discount,
    log_reply,
    mark_failed,
    obey_keyword,
    record_event,
    set_first_time,
)
from app.messaging.inbound.texts.receive import ask_about_reply
from app.messaging.models import AddressKind, Notification
from app.security.encrypted_fields import decrypt_row

RECEIPT_RETENTION: Final = timedelta(days=7)  # no gateway repeats a call later than that

_INSERT_CALL: Final = text(
    "INSERT INTO gateway_receipts (gateway_id, call_id, received_at) VALUES (:gateway, :call, :now)"
    " ON CONFLICT DO NOTHING RETURNING call_id"
)


class CallingGateway(CalledGateway, Protocol):
    """The decrypted row of a gateway that reports events, with its clinic's `rules_version`."""

    @property
    def id(self) -> UUID: ...
    @property
    def clinic_id(self) -> UUID: ...
    @property
    def rules_version(self) -> int: ...


def authenticate(
    session: Session, gateway_id: UUID, headers: Mapping[str, str], body: bytes
) -> tuple[CallingGateway, str]:
    """Return the gateway that signed the call, and the id of the call. Names of `headers` are in lower case.

    Raises Unauthenticated, also for an unknown gateway: the caller cannot tell which ids exist.
    """
    at = now()
    try:
        gateway = find_gateway(session, gateway_id)
        return gateway, verify(valid_secrets(gateway, at=at), headers, body, now=at)
    except NotFound:
        _refuse_unknown(headers, body, at=at)
    except WrongSignature as mistake:
        raise _unsigned(mistake) from None


def _refuse_unknown(headers: Mapping[str, str], body: bytes, *, at: datetime) -> NoReturn:
    """Refuse the call of an unknown gateway with the words for a known one. Raises Unauthenticated."""
    try:
        verify((new_secret(),), headers, body, now=at)
    except WrongSignature as mistake:
        raise _unsigned(mistake) from None
    raise Unauthenticated


def _unsigned(mistake: WrongSignature) -> Unauthenticated:
    return Unauthenticated(f"The call is not signed by this gateway: {mistake}.")


def find_gateway(session: Session, gateway_id: UUID) -> CallingGateway:
    """Return the gateway's decrypted row with its clinic's `rules_version`. Raises NotFound."""
    wanted = select(Gateway.__table__, Clinic.rules_version).join(Clinic, Clinic.id == Gateway.clinic_id)
    found = session.execute(wanted.where(Gateway.id == gateway_id)).one_or_none()
    if found is None:
        raise NotFound
    return decrypt_row(Gateway, found)


def process_events(
    session: Session, gateway: CallingGateway, call_id: str, events: Sequence[JsonObject]
) -> dict[str, int]:
    """Process the events of one call, as loaded by EventsIn. A repeated `call_id` changes nothing.

    Returns the number of events `taken` and `ignored`. Events of unknown messages and of deleted leads are ignored.
    """
    call = {"gateway": gateway.id, "call": call_id, "now": now()}
    if session.execute(_INSERT_CALL, call).one_or_none() is None:
        return {"taken": 0, "ignored": len(events)}
    actor = Actor.system(load_context(session, gateway.clinic_id, gateway.rules_version))
    notifications = _notifications(session, gateway, {event["message_id"] for event in events})
    leads = _lock_leads(session, notifications.values())
    taken = 0
    for event in sorted(events, key=lambda event: event["at"]):
        notification = notifications.get(event["message_id"])
        if notification is not None and notification.lead_id in leads:
            at, reason = min(event["at"], now()), event.get("reason", BounceReason.OTHER)
            reply = {"text": event.get("text"), "is_auto_reply": event.get("is_auto_reply", False)}
            update = _StatusUpdate(actor, notification, leads[notification.lead_id], at, reason, **reply)
            _HANDLERS[event["status"]](session, update)
            taken += 1
    return {"taken": taken, "ignored": len(events) - taken}


def _notifications(session: Session, gateway: CallingGateway, ids: Iterable[UUID]) -> dict[UUID, Notification]:
    sent = select(Notification).where(
        Notification.id.in_(ids), Notification.gateway_id == gateway.id, Notification.clinic_id == gateway.clinic_id
    )
    return {notification.id: notification for notification in session.scalars(sent)}


def _lock_leads(session: Session, notifications: Iterable[Notification]) -> dict[UUID | None, Lead]:
    """Lock the leads in the order of their ids, as all code that locks several does."""
    lead_ids = {notification.lead_id for notification in notifications}
    wanted = select(Lead).where(Lead.id.in_(lead_ids), Lead.deleted_at.is_(None))
    locked = wanted.order_by(Lead.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    return {lead.id: lead for lead in session.scalars(locked)}


@dataclass(frozen=True, slots=True)
class _StatusUpdate(MessageReport):
    """The reported status of one message."""

    reason: BounceReason
    text: str | None
    is_auto_reply: bool


def _first_time(column: str, name: EventName) -> "_Handler":
    """Return a handler that sets the column once: only the first time counts."""
    return lambda session, update: set_first_time(session, update, column, name)


def _apply_failure(session: Session, update: _StatusUpdate) -> None:
    if mark_failed(update.notification, "its gateway could not deliver it"):
        count_outcome(session, update.notification, Counter(sent=-1, failed=1))  # it was counted as sent
        discount(session, update)
    record_event(session, update, EventName.MESSAGE_FAILED)


def _apply_bounce(session: Session, update: _StatusUpdate) -> None:
    if mark_failed(update.notification, f"it bounced: {update.reason}"):
        count_outcome(session, update.notification, Counter(bounced=1))
        discount(session, update)
    notification = update.notification
    if update.reason is BounceReason.INVALID and (phone := json.loads(notification.address or "{}").get("phone")):
        suppress_addresses(session, notification.clinic_id, [(AddressKind.PHONE, phone)], reason=INVALID_ADDRESS)
    record_event(session, update, EventName.MESSAGE_BOUNCED)


def _apply_reply(session: Session, update: _StatusUpdate) -> None:
    channel = ContactChannel.SOCIAL if update.lead.social_handle else ContactChannel.SMS
    reply = Reply(channel, update.at, update.text, update.is_auto_reply)
    is_keyword = obey_keyword(session, update.actor, update.lead, reply)
    activity_id = log_reply(session, update.actor, update.lead, reply, is_keyword=is_keyword)
    if activity_id is not None:
        ask_about_reply(session, update, reply, activity_id)


_Handler: TypeAlias = Callable[[Session, _StatusUpdate], None]
_HANDLERS: Final[Mapping[ReceiptStatus, _Handler]] = {
    ReceiptStatus.DELIVERED: _first_time("delivered_at", EventName.MESSAGE_DELIVERED),
    ReceiptStatus.OPENED: _first_time("opened_at", EventName.MESSAGE_OPENED),
    ReceiptStatus.CLICKED: _first_time("clicked_at", EventName.MESSAGE_CLICKED),
    ReceiptStatus.FAILED: _apply_failure,
    ReceiptStatus.BOUNCED: _apply_bounce,
    ReceiptStatus.REPLIED: _apply_reply,
}
