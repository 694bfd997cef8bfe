"""`deliver`: hand one message to its provider, once.

The message is `sending` before anybody is asked. Whoever stops it commits before that, and nothing is sent, or
after it, and the message was already on its way.
"""

import re
from datetime import datetime
from typing import Any, Final

from app import clock
from app.automation.models import Reason
from app.db import new_id
from app.identity.links import with_link
from app.notifications import channels
from app.notifications.channels import InvalidMailSettings, OutgoingMessage, Receipt, Transient, channel_of
from app.notifications.delivery import MOST_TRIES, after
from app.notifications.gate import Allow, Never, Until
from app.notifications.models import NotificationState
from workers.context import StepContext
from workers.guard import lead_is_over, unmet
from workers.outcomes import Ask, Done, Effects, Fail, Outcome, Retry, Skip, Snooze, Unclear

_ADDRESS: Final = re.compile(r"<?[^\s<>@;,:]+@[^\s<>@;,:]+>?")


def guard(context: StepContext) -> Skip | None:
    """Why the message must not be sent any more, or None."""
    note = context.notification
    if note is None:
        return Skip(Reason.LEAD_GONE)
    if note.state != NotificationState.PENDING:
        return Skip(Reason.ALREADY_DELIVERED)
    if context.lead is None:
        return None
    reason = lead_is_over(context) or unmet(context)
    return _suppress(context, reason) if reason else None


def decide(context: StepContext) -> Outcome | Ask:
    """Say that it is being sent, with an attempt that has no end yet; to a lead, if the gate still lets it through.

    It did when the message was written. Since then the mail server may have been away for a night.
    """
    match context.verdict() if context.reach else Allow():
        case Never(reason):
            return _suppress(context, reason)
        case Until(instant, reason):
            return Snooze(instant, reason)
        case Allow():
            return _hand_over(context)


def _suppress(context: StepContext, reason: Reason) -> Skip:
    stopped = _state(context, NotificationState.SUPPRESSED, reason=reason)
    return Skip(reason, effects=Effects(notification_states=(stopped,)))


def _hand_over(context: StepContext) -> Ask:
    note = context.notification
    delivery = {
        "id": new_id(),
        "clinic_id": note.clinic_id,
        "notification_id": note.id,
        "attempt": note.attempts + 1,
        "started_at": context.now,
    }
    message = OutgoingMessage(
        note.address,
        note.subject,
        with_link(note.template, note.id, note.body),
        message_id=note.message_id,
        sender_name=context.clinic.name,
        reply_to=_reply_to(context),
    )
    sending = _state(context, NotificationState.SENDING, tried=True, handed_over_at=context.now)
    effects = Effects(deliveries=(delivery,), notification_states=(sending,))
    return Ask((delivery["id"], note.channel, message), effects=effects)


def ask(question: tuple[Any, str, OutgoingMessage]) -> Receipt:
    """Hand it over; no transaction is open meanwhile."""
    _, name, message = question
    try:
        channel = channel_of(name)
    except InvalidMailSettings as error:  # ours to mend; it is known that nobody was asked
        return Transient(str(error))
    return channel.send(message)


def conclude(context: StepContext, question: tuple[Any, str, OutgoingMessage], receipt: Receipt) -> Outcome:
    """What the provider's answer means for the message and for the step."""
    words = without_addresses(receipt.response)
    ended = {"id": question[0], "outcome": receipt.outcome, "response": words, "finished_at": clock.now()}
    match after(receipt, context.step.attempts + 1):
        case NotificationState.SENT as state:
            return Done({"response": words}, effects=_end(context, ended, state, sent_at=clock.now()))
        case NotificationState.PENDING as state:
            return Retry(words, effects=_end(context, ended, state, error=words))
        case NotificationState.FAILED as state:
            return Fail(words, effects=_end(context, ended, state, error=words))
        case state:
            return Unclear(words, effects=_end(context, ended, state, error=words))


def cut_off(context: StepContext, question: tuple[Any, str, OutgoingMessage], error: str) -> Outcome:
    """Something broke while the provider was asked: nobody knows how far it got."""
    error = without_addresses(error)
    ended = {"id": question[0], "outcome": channels.Outcome.UNKNOWN, "response": error, "finished_at": clock.now()}
    return Unclear(error, effects=_end(context, ended, NotificationState.UNKNOWN, error=error))


def without_addresses(words: str) -> str:
    """What a mail server says of somebody's address is kept; the address itself stands sealed in its message."""
    return _ADDRESS.sub("<address>", words)


def _reply_to(context: StepContext) -> str | None:
    """A lead who answers reaches a person, not the address that machines send from."""
    to_lead = context.notification is not None and context.notification.user_id is None
    return context.coordinator.email if to_lead and context.coordinator else None


def raised(context: StepContext, error: str) -> Outcome:
    """It crashed before anybody was asked. When it is given up, the message is too, so that it can be retried."""
    if context.step.attempts + 1 < MOST_TRIES:
        return Retry(error)
    given_up = {"id": context.params["notification_id"], "state": NotificationState.FAILED, "error": error}
    return Fail(error, effects=Effects(notification_states=(given_up,)))


def _end(context: StepContext, ended: dict[str, Any], state: NotificationState, **given: Any) -> Effects:
    return Effects(delivered=(ended,), notification_states=(_state(context, state, tried=True, **given),))


def _state(
    context: StepContext,
    state: NotificationState,
    *,
    tried: bool = False,
    reason: str | None = None,
    error: str | None = None,
    **times: datetime,
) -> dict[str, Any]:
    note = context.notification
    assert note is not None  # noqa: S101
    attempts = note.attempts + tried
    return {
        "id": note.id,
        "state": state,
        "reason": reason,
        "error": error,
        "attempts": attempts,
        **times,
    }
