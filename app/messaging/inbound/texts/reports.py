"""Reports of providers about sent text messages: they move the state of a message only upwards."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import AnyRow
from app.engine.events.events import EventName
from app.engine.models import Kind, Reason
from app.engine.service import skip_failed_steps
from app.errors import RelanceError
from app.identity.actor import Actor
from app.leads.activities.messages import count_message
from app.leads.search.lookup import lock_lead
from app.messaging.channels.base import Channel
from app.messaging.channels.provider_call import excerpt
from app.messaging.channels.registry import CHANNELS
from app.messaging.channels.text_providers.answers import refusal
from app.messaging.contact_policy.opt_outs import opt_out
from app.messaging.contact_policy.suppression_list import INVALID_ADDRESS, suppress_addresses
from app.messaging.inbound.texts.effects import (
    MessageReport,
    count_outcome,
    discount,
    mark_failed,
    record_event,
    set_first_time,
)
from app.messaging.inbound.texts.items import ReportedStatus, StatusReport
from app.messaging.models import Notification, NotificationState

_INSERT_RECEIPT: Final = text(
    "INSERT INTO text_receipts (account_id, report_id, clinic_id, received_at)"
    " VALUES (:account, :report, :clinic, :now) ON CONFLICT DO NOTHING RETURNING report_id"
)


class MessageIsBeingSent(RelanceError):
    """The message is being sent. Report its status again in a few seconds."""

    status = 503
    retry_after = 5


def apply_report(session: Session, actor: Actor, account_id: UUID, given: StatusReport) -> bool:
    """Apply a report to its message. Returns False if it changes nothing: it is a repetition, or of no known message.

    Raises MessageIsBeingSent.
    """
    found = _find(session, actor.clinic.id, account_id, given.message_id)
    if found is None:
        return False
    if found.state == NotificationState.UNKNOWN:  # before the lead is locked, as workers lock them
        ids, reason = [found.id], Reason.ALREADY_DELIVERED
        skip_failed_steps(session, actor.clinic.id, Kind.DELIVERIES, param="notification_id", ids=ids, reason=reason)
    lead = lock_lead(session, actor.clinic.id, found.lead_id)
    if lead is None:
        return False
    notification = _lock(session, found.id)
    if notification.state == NotificationState.SENDING:
        raise MessageIsBeingSent
    if not _is_new(session, actor, account_id, given):
        return False
    at = min(given.at or now(), now())
    _HANDLERS[given.status](session, MessageReport(actor, notification, lead, at), given)
    return True


def _find(session: Session, clinic_id: UUID, account_id: UUID, message_id: UUID | None) -> AnyRow | None:
    """Return id, lead and state of a message to a lead that was sent through this account."""
    wanted = select(Notification.id, Notification.lead_id, Notification.state).where(
        Notification.id == message_id,
        Notification.clinic_id == clinic_id,
        Notification.account_id == account_id,
        Notification.lead_id.is_not(None),
        Notification.user_id.is_(None),
    )
    return session.execute(wanted).one_or_none()


def _lock(session: Session, notification_id: UUID) -> Notification:
    wanted = select(Notification).where(Notification.id == notification_id)
    return session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).one()


def _is_new(session: Session, actor: Actor, account_id: UUID, given: StatusReport) -> bool:
    receipt = {"account": account_id, "report": f"{given.provider_id} {given.status}"[:400]}
    known: Any = session.execute(_INSERT_RECEIPT, {**receipt, "clinic": actor.clinic.id, "now": now()})
    return known.one_or_none() is not None


def _confirm(session: Session, report: MessageReport, __: StatusReport) -> None:
    """Set a message with an unknown outcome to sent: the provider has it."""
    notification = report.notification
    if notification.state == NotificationState.UNKNOWN:
        notification.state, notification.error = NotificationState.SENT, None
        notification.sent_at = notification.handed_over_at or report.at
        if notification.activity_id is not None:
            count_message(session, report.actor, notification.activity_id, handed_over_at=notification.sent_at)


def _deliver(session: Session, report: MessageReport, given: StatusReport) -> None:
    _confirm(session, report, given)
    set_first_time(session, report, "delivered_at", EventName.MESSAGE_DELIVERED)


def _read(session: Session, report: MessageReport, given: StatusReport) -> None:
    _deliver(session, report, given)
    set_first_time(session, report, "opened_at", EventName.MESSAGE_OPENED)


def _fail(session: Session, report: MessageReport, given: StatusReport) -> None:
    """Mark the message as failed, once. `delivered_at` stays: if a provider reports both, both are shown."""
    notification, channel = report.notification, CHANNELS[report.notification.channel]
    error = refusal(given.code, excerpt(given.words, [notification.body, notification.address or ""]))
    is_bounce = channel.is_bounce(error)
    if not _mark_failed(session, notification, error, is_bounce=is_bounce):
        return
    discount(session, report)
    record_event(session, report, EventName.MESSAGE_BOUNCED if is_bounce else EventName.MESSAGE_FAILED)
    if is_bounce:
        _suppress(session, notification, channel)
    if channel.is_opt_out(error):
        opt_out(session, report.actor, report.lead.id, channel=channel.name)


def _mark_failed(session: Session, notification: Notification, error: str, *, is_bounce: bool) -> bool:
    if notification.state == NotificationState.UNKNOWN:  # it was not counted as sent
        notification.state, notification.error = NotificationState.FAILED, error
        count_outcome(session, notification, Counter(failed=1))
        return True
    if not mark_failed(notification, error):
        return False
    count_outcome(session, notification, Counter(bounced=1) if is_bounce else Counter(sent=-1, failed=1))
    return True


def _suppress(session: Session, notification: Notification, channel: Channel) -> None:
    if channel.for_leads and notification.address:
        address = (channel.for_leads.suppressed_by, channel.for_leads.unreachable_as(notification.address))
        suppress_addresses(session, notification.clinic_id, [address], reason=INVALID_ADDRESS)


_HANDLERS: Final[Mapping[ReportedStatus, Callable[[Session, MessageReport, StatusReport], None]]] = {
    ReportedStatus.ACCEPTED: _confirm,
    ReportedStatus.DELIVERED: _deliver,
    ReportedStatus.READ: _read,
    ReportedStatus.FAILED: _fail,
}
