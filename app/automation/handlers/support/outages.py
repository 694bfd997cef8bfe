"""Waiting for a channel, a gateway or a sending account that is down."""

from datetime import datetime

from app import clock
from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.guard import first_due_time
from app.engine.models import Reason
from app.engine.outcomes import ChannelResult, Effects, Snooze
from app.engine.steps.by_hand import is_wanted_now
from app.engine.steps.waiting import WAS_TRIED, outage_of
from app.messaging.channels.base import Outcome, Receipt, Transient
from app.messaging.channels.registry import CHANNELS
from app.messaging.outages import breaker


def wait_for_channel(context: StepContext) -> Snooze | None:
    """Return a snooze while the step's channel or gateway is down; None if the step may try.

    A step that a user wants to run now tries once: its answer tells more than a probe.
    """
    outage = breaker.outage_of(context.outages, target_of(context))
    may_try = not breaker.messages_wait(outage, context.now) or is_wanted_now(context.step.outcome)
    return None if may_try else _wait(context)


def wait_after(context: StepContext, receipt: Receipt, effects: Effects) -> Snooze | None:
    """Return a snooze if the attempt has shown that the channel or gateway is down. It uses no try of the step."""
    opens = breaker.opens(breaker.outage_of(context.outages, target_of(context)))
    return _wait(context, effects) if opens and isinstance(receipt, Transient) and receipt.is_outage else None


def retry_by(context: StepContext, receipt: Receipt) -> datetime | None:
    """Return the latest time of the next try: soon after the first failures of an outage, which may be short."""
    is_outage = isinstance(receipt, Transient) and receipt.is_outage
    return breaker.retry_by(context.step.attempts, clock.now()) if is_outage else None


def channel_results(context: StepContext, receipt: Receipt, words: str) -> tuple[ChannelResult, ...]:
    """Return what the attempt says about its channel or gateway. A success without earlier failures says nothing.

    A failure at a user's destination says nothing about the channel, because each has a server of its own.
    """
    gateway, account = context.gateway_context.gateway, context.account_context.account
    if gateway is None and CHANNELS[context.message.channel].has_destinations:
        return ()
    target = target_of(context)
    is_failure = receipt.outcome is Outcome.UNKNOWN or (isinstance(receipt, Transient) and receipt.is_outage)
    if not is_failure and not breaker.outage_of(context.outages, target).failures:
        return ()
    return (
        ChannelResult(
            target=target,
            gateway_id=gateway.id if gateway else None,
            account_id=account.id if account else None,
            is_failure=is_failure,
            error=words if is_failure else None,
        ),
    )


def _wait(context: StepContext, effects: Effects | None = None) -> Snooze:
    """Return a snooze. `effects`: those of an attempt, after which other messages are tried first."""
    until = breaker.wait_until(context.step.id, clock.now())
    found = first_due_time(context) | ({} if effects is None else {WAS_TRIED: True})
    return Snooze(until, Reason.CHANNEL_DOWN, found, outage_of(target_of(context)), effects=effects or Effects())


def target_of(context: StepContext) -> str:
    """Return the gateway that the step calls or the account of its message, else the channel of the message."""
    sender = context.gateway_context.gateway or context.account_context.account
    return str(sender.id) if sender else context.message.channel
