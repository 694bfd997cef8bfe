"""`deliver`: send one message through its provider, at most once.

The state `sending` is committed before the provider is called. A cancellation that commits before that prevents the
message. A later one has no effect.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from app import clock
from app.automation.handlers.support.account_limit import account_count_rows, account_snooze
from app.automation.handlers.support.changes import CountMessage, DiscountMessage, LeadChange
from app.automation.handlers.support.context import NotificationView, StepContext
from app.automation.handlers.support.failure_notices import failure_notices
from app.automation.handlers.support.follow_up_events import message_event
from app.automation.handlers.support.gateway_limit import throttle_snooze, usage_rows
from app.automation.handlers.support.guard import is_paused, is_too_late, put_off, wait
from app.automation.handlers.support.missing_gateway import wait_for_account, wait_for_gateway
from app.automation.handlers.support.outages import channel_results, retry_by, wait_after, wait_for_channel
from app.automation.handlers.support.provider_templates import provider_template
from app.automation.handlers.support.refusals import is_bounce, opt_outs, suppressions
from app.automation.handlers.support.return_addresses import return_addresses
from app.automation.handlers.support.senders import sender_of
from app.automation.handlers.support.tracking import tracked_text
from app.core.db import new_id
from app.engine.events.events import Event, EventName
from app.engine.models import Reason
from app.engine.outcomes import (
    Done,
    Effects,
    EndedDelivery,
    ExternalCall,
    Fail,
    GoneDestination,
    NotificationChange,
    Outcome,
    ResultUnknown,
    Retry,
    Skip,
    Snooze,
    StartedDelivery,
)
from app.engine.step_kind import DELIVERIES, OutsideCall, StepKind
from app.engine.steps.guard import CLOSED_STATUSES, closed_lead_reason, unmet_guard
from app.identity.passwords.links import append_link
from app.messaging.channels.base import OutgoingMessage, Permanent, Receipt, Transient
from app.messaging.channels.gateway_payload import GatewayPayload, MessageType
from app.messaging.channels.provider_call import UNANSWERED
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.gate import Allow, Never, Until
from app.messaging.delivery.delivery_state import MAX_ATTEMPTS, state_after
from app.messaging.gateways.failure_counts import result_row
from app.messaging.gateways.service import endpoint_of
from app.messaging.models import NotificationState
from app.messaging.rendering.attachment import Attachment
from app.messaging.rendering.links import lead_url
from app.messaging.rendering.variants import Media
from app.messaging.unsubscribe.footer import add_footer
from app.messaging.unsubscribe.links import unsubscribe_headers


class Question(NamedTuple):
    """A message to send, its channel, and the id of this attempt."""

    delivery_id: UUID
    channel: str
    message: OutgoingMessage


_UNKNOWN: Final = NotificationState.UNKNOWN
_ADDRESS: Final = re.compile(r"<?[^\s<>@;,:]+@[^\s<>@;,:]+>?")


def guard(context: StepContext) -> Skip | Snooze | None:
    """Return Skip or Snooze with the reason not to send the message now; None if it may be sent."""
    note = context.notification
    if note is None:
        return Skip(Reason.LEAD_GONE)
    if note.state != NotificationState.PENDING:
        return Skip(Reason.ALREADY_DELIVERED)
    if context.step.lead_id is None:
        return None
    if stopped := _stopped(context, note):
        return suppress(context, stopped)
    return wait(context, note.series) if is_paused(context, note.series) else None


def _stopped(context: StepContext, note: NotificationView) -> Reason | None:
    over = closed_lead_reason(context.lead, context.step.cause)
    if over and not (note.user_id and over in CLOSED_STATUSES.values()):  # users are told about closed leads too
        return over
    if refused := unmet_guard(context.step, context.facts):
        return refused.reason
    return Reason.TOO_LATE if is_too_late(context) else None


def decide(context: StepContext) -> Outcome | ExternalCall:
    """Record the attempt and return the call. For a lead, the contact policy is checked again.

    It allowed the message when it was written, but retries may have delayed it into quiet hours.
    """
    if context.skips_messages:
        return suppress(context, Reason.SKIPPED_ON_RESUME)
    match context.verdict() if context.contact else Allow():
        case Never(reason):
            return suppress(context, reason)
        case Until() as refusal:
            return put_off(context, refusal)
        case Allow():
            stopped = _without_sender(context) or _without_destination(context)
            return stopped or wait_for_channel(context) or _throttle(context) or _send(context)


def suppress(context: StepContext, reason: Reason) -> Skip:
    """Skip the step, and list its message as suppressed for this reason."""
    stopped = _state(context, NotificationState.SUPPRESSED, reason=reason)
    return Skip(reason, effects=Effects(notification_states=(stopped,), changes=_not_delivered(context)))


def _without_sender(context: StepContext) -> Outcome | None:
    """Return the outcome if the message has no gateway or account now, or if another one may have sent it already."""
    if not CHANNELS[context.message.channel].needs_gateway:
        return wait_for_account(context)
    return wait_for_gateway(context) or _may_have_arrived(context)


def _without_destination(context: StepContext) -> Outcome | None:
    """Return the outcome if the user has removed the destination."""
    is_gone = CHANNELS[context.message.channel].has_destinations and context.destination is None
    return suppress(context, Reason.DESTINATION_GONE) if is_gone else None


def _may_have_arrived(context: StepContext) -> ResultUnknown | None:
    """Return `ResultUnknown` if another gateway did not answer the last attempt: this one does not know its id."""
    note, error = context.message, context.message.error or ""
    if context.gateway.id == note.gateway_id or not error.startswith(UNANSWERED):
        return None
    return ResultUnknown(error, effects=Effects(notification_states=(_state(context, _UNKNOWN, error=error),)))


def _throttle(context: StepContext) -> Snooze | None:
    return throttle_snooze(context) if CHANNELS[context.message.channel].needs_gateway else account_snooze(context)


def _send(context: StepContext) -> ExternalCall:
    note, text = context.message, tracked_text(context, _body(context))
    delivery: StartedDelivery = {
        "id": new_id(),
        "clinic_id": note.clinic_id,
        "notification_id": note.id,
        "attempt": note.attempts + 1,
        "started_at": context.now,
    }
    returned, sender = return_addresses(context), sender_of(context)
    message = OutgoingMessage(
        note.address,
        note.subject,
        text.body,
        message_id=note.message_id,
        gateway_payload=_gateway_payload(context),
        account=context.account_context.account,
        sender_name=sender.name,
        sender_address=sender.address,
        reply_to=returned.reply_to,
        return_path=returned.return_path,
        provider_template=provider_template(context),
        media=_media(note),
        destination=context.destination.place if context.destination else None,
        link=lead_url(note.lead_id) if note.lead_id else None,
        headers={**returned.headers, **_unsubscribe_headers(context), **(note.headers or {})},
        html=text.html or note.html,
        attachments=(Attachment.from_json(note.attachment),) if note.attachment else (),
    )
    effects = Effects(
        tracked_messages=text.messages,
        tracked_links=text.links,
        deliveries=(delivery,),
        notification_states=(_sending(context),),
        gateway_minutes=usage_rows(context) if CHANNELS[note.channel].needs_gateway else (),
        account_counts=account_count_rows(context),
    )
    return ExternalCall(Question(delivery["id"], note.channel, message), effects=effects)


def _media(note: NotificationView) -> Media | None:
    """Return the file of a message; None without one."""
    return Media(note.message_type, note.media_url) if note.message_type and note.media_url else None


def _body(context: StepContext) -> str:
    """Return the text to send: with the link of an account e-mail, or the footer of a commercial one."""
    note, clinic = context.message, context.clinic
    if not _is_commercial(context):
        return append_link(note.template, note.id, note.body)
    return add_footer(
        note.body,
        context.lead.id,
        sender=clinic.sender,
        postal_address=clinic.postal_address,
        languages=(context.lead.language, clinic.language),
    )


def _unsubscribe_headers(context: StepContext) -> Mapping[str, str]:
    return unsubscribe_headers(context.lead.id) if _is_commercial(context) else {}


def _is_commercial(context: StepContext) -> bool:
    """Return whether the message must offer to unsubscribe: it goes to a lead that does not expect it."""
    note = context.message
    is_to_lead = note.user_id is None and context.step.lead_id is not None
    is_expected = bool(context.params.get("transactional"))
    return is_to_lead and CHANNELS[note.channel].unsubscribes_by_link and not is_expected


def _sending(context: StepContext) -> NotificationChange:
    """Return the state of the attempt. Its gateway and account are recorded: another may replace them later."""
    change = _state(context, NotificationState.SENDING, tried=True, handed_over_at=context.now)
    if (gateway := context.gateway_context.gateway) is not None:
        change["gateway_id"] = gateway.id
    if (account := context.account_context.account) is not None:
        change["account_id"] = account.id
    return change


def ask(question: Question) -> Receipt:
    """Send the message. No transaction is open during the call."""
    return CHANNELS[question.channel].send(question.message)


def conclude(context: StepContext, question: Question, receipt: Receipt) -> Outcome:
    """Turn the provider's answer into the state of the message and the outcome of the step."""
    words, now = without_addresses(receipt.response), clock.now()
    ended = EndedDelivery(id=question.delivery_id, outcome=receipt.outcome, response=words, finished_at=now)
    waiting = _end(context, ended, NotificationState.PENDING, receipt, error=words)
    if wait := wait_after(context, receipt, waiting):
        return wait
    match state_after(receipt, context.step.attempts + 1):
        case NotificationState.SENT as state:
            return Done({"response": words}, effects=_end(context, ended, state, receipt, sent_at=now))
        case NotificationState.PENDING as state:
            pause = receipt.wait if isinstance(receipt, Transient) else None
            not_before, effects = now + pause if pause else None, _end(context, ended, state, receipt, error=words)
            return Retry(words, not_before, retry_by(context, receipt), effects=effects)
        case NotificationState.FAILED as state:
            return Fail(words, effects=_end(context, ended, state, receipt, error=words))
        case state:
            return ResultUnknown(words, effects=_end(context, ended, state, receipt, error=words))


def cut_off(context: StepContext, question: Question, error: str) -> Outcome:
    """Return the outcome of an interrupted delivery. The channel decides whether a retry is safe."""
    return conclude(context, question, CHANNELS[question.channel].interrupted(question.message, error))


def without_addresses(words: str) -> str:
    """Replace e-mail addresses in a mail server's answer: addresses are stored only encrypted, with the message."""
    return _ADDRESS.sub("<address>", words)


def _gateway_payload(context: StepContext) -> GatewayPayload | None:
    """Return the gateway's endpoint and the data that it gets in addition to the text."""
    note, gateway = context.message, context.gateway_context.gateway
    if gateway is None:
        return None
    return GatewayPayload(
        endpoint_of(gateway, at=context.now),
        type=note.message_type or MessageType.TEXT,
        media_url=note.media_url,
        lead_id=str(note.lead_id),
        clinic_id=str(note.clinic_id),
    )


def raised(context: StepContext, error: str) -> Outcome:
    """Return the outcome of a crash before the call. The last attempt also marks the message as failed."""
    if context.step.attempts + 1 < MAX_ATTEMPTS:
        return Retry(error)
    given_up = NotificationChange(id=context.params["notification_id"], state=NotificationState.FAILED, error=error)
    if context.notification is None:
        return Fail(error, effects=Effects(notification_states=(given_up,)))
    notices, changes = failure_notices(context), _not_delivered(context)
    return Fail(error, effects=Effects(notification_states=(given_up,), notifications=notices, changes=changes))


def _end(
    context: StepContext,
    ended: EndedDelivery,
    state: NotificationState,
    receipt: Receipt,
    *,
    error: str | None = None,
    sent_at: datetime | None = None,
) -> Effects:
    gateway, is_failure = context.gateway_context.gateway, state is not NotificationState.SENT
    return Effects(
        delivered=(ended,),
        notification_states=(_state(context, state, tried=True, error=error, sent_at=sent_at),),
        gateway_results=() if gateway is None else (result_row(gateway.id, is_failure=is_failure),),
        channel_results=channel_results(context, receipt, ended["response"]),
        events=_events(context, state, ended),
        notifications=failure_notices(context) if state is NotificationState.FAILED else (),
        suppressions=suppressions(context, ended["response"]) if state is NotificationState.FAILED else (),
        changes=_changes(context, state, ended),
        gone_destinations=_gone_destinations(context, receipt),
    )


def _events(context: StepContext, state: NotificationState, ended: EndedDelivery) -> tuple[Event, ...]:
    at, key = ended["finished_at"], str(context.message.attempts)
    if state is NotificationState.SENT:
        return message_event(context, EventName.MESSAGE_SENT, at=at)
    if state is not NotificationState.FAILED:
        return ()
    failed = message_event(context, EventName.MESSAGE_FAILED, at=at, key=key)
    if is_bounce(context, ended["response"]):
        return failed + message_event(context, EventName.MESSAGE_BOUNCED, at=at, key=key)
    return failed


def _changes(context: StepContext, state: NotificationState, ended: EndedDelivery) -> tuple[LeadChange, ...]:
    """Return what the answer means for the lead: a message of a user counts when it was handed over."""
    activity_id = context.message.activity_id
    if state is NotificationState.SENT and activity_id is not None:
        return (CountMessage(activity_id, context.now),)
    if state is NotificationState.FAILED:
        return (*_not_delivered(context), *opt_outs(context, ended["response"]))
    return ()


def _not_delivered(context: StepContext) -> tuple[LeadChange, ...]:
    activity_id = context.message.activity_id
    return () if activity_id is None else (DiscountMessage(activity_id),)


def _gone_destinations(context: StepContext, receipt: Receipt) -> tuple[GoneDestination, ...]:
    """Return the destination if its server reported that it does not exist any more."""
    destination = context.destination
    if destination is None or not (isinstance(receipt, Permanent) and receipt.is_gone):
        return ()
    gone = GoneDestination(id=destination.id, clinic_id=context.message.clinic_id, url_blind=destination.url_blind)
    return (gone,)


def _state(
    context: StepContext,
    state: NotificationState,
    *,
    tried: bool = False,
    reason: str | None = None,
    error: str | None = None,
    handed_over_at: datetime | None = None,
    sent_at: datetime | None = None,
) -> NotificationChange:
    note = context.message
    change = NotificationChange(id=note.id, state=state, reason=reason, error=error, attempts=note.attempts + tried)
    if handed_over_at is not None:
        change["handed_over_at"] = handed_over_at
    if sent_at is not None:
        change["sent_at"] = sent_at
    return change


KIND = StepKind(
    name="deliver",
    decide=decide,
    guard=guard,
    raised=raised,
    batch=1,  # the lease counts from the commit; a second message would use up the lease of the first
    per_message=10,
    read_ahead=10,
    queue=DELIVERIES,
    max_tries=MAX_ATTEMPTS,
    outside=OutsideCall(ask, conclude, cut_off),
)
