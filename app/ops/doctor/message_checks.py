"""Checks of messages: those that failed, those that wait, and the servers that take them."""

import os
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy.orm import Session

from app import clock
from app.automation.sender_warnings import clinics_without_address
from app.engine.failed_steps import unfinished_steps
from app.messaging.channels import email
from app.messaging.delivery.backlog import message_backlog
from app.messaging.gateways.missing import count_waiting_steps
from app.messaging.mailboxes.failure_notices import failing_mailboxes, mailbox_figures
from app.messaging.outages.models import ChannelOutage
from app.messaging.outages.store import open_outages
from app.messaging.webhooks.report import count_endpoints, webhook_backlog
from app.ops.doctor.check import TIMEOUT, Check
from app.ops.doctor.local_processes import advice_for_silent

MAX_NAMED = 10  # clinics in one line
MAX_MESSAGE_AGE = timedelta(hours=1)


def check_mail_server() -> Iterator[Check]:
    """Ask the mail server whether it takes messages (EHLO, login, NOOP). No message is sent."""
    if not os.environ.get("SMTP_URL"):
        yield Check("e-mail", "SMTP_URL is not set", "set SMTP_URL; without it no e-mail is sent")
    elif error := email.probe(TIMEOUT):
        advice = "start the mail server, or correct SMTP_URL; e-mails wait until then, and none is lost"
        yield Check("e-mail", f"SMTP_URL: {error}", advice)
    else:
        yield Check("e-mail", "the mail server answers")


def failed(session: Session) -> Check:
    """Steps that failed. Those of earlier days are shown only: a refused address cannot always be corrected."""
    found = unfinished_steps(session)
    words = f"{found.failed} steps, {found.failed_today} of them in the last 24 hours"
    advice = "`GET /api/steps` has the errors; then `relance steps retry` and `relance notifications retry --failed`"
    return Check("failed", words if found.failed else "no step", advice if found.failed_today else "")


def unknown(session: Session) -> Check:
    """Messages and calls that may have arrived."""
    number = unfinished_steps(session).unknown
    advice = "ask the provider which arrived, then `relance notifications resolve` (webhooks: /api/steps/{id}/retry)"
    return Check("unknown", f"{number} calls may have arrived" if number else "no step", advice if number else "")


def messages(session: Session) -> Check:
    """Messages that were tried without success, or that wait for a channel."""
    found = message_backlog(session)
    if found.oldest is None:
        return Check("messages", "none is late")
    age = clock.now() - found.oldest
    words = f"{found.retrying} in retry, {found.waiting} wait for a channel, the oldest for {_minutes(age)}"
    advice = "see `error` at GET /api/notifications?state=pending" if age > MAX_MESSAGE_AGE else ""
    return Check("messages", words, advice)


def webhooks(session: Session) -> Check:
    """Webhook endpoints that fail or were disabled, and events that wait for them."""
    found, late = count_endpoints(session), webhook_backlog(session)
    age = f", the oldest for {_minutes(clock.now() - late.oldest)}" if late.oldest else ""
    words = f"{found.failing} failing, {found.disabled} disabled, {late.pending + late.sending} events wait{age}"
    notified = "; the admins were notified of the disabled ones" if found.disabled else ""
    advice = f"see `last_error` at GET /api/webhooks{notified}" if found.failing + found.disabled else ""
    return Check("webhooks", words if found.failing + found.disabled + late.pending else "all take events", advice)


def channels(session: Session) -> Check:
    """Channels, gateways and sending accounts that are down."""
    found = [
        f"{_label(outage)}{outage.target} since {outage.failing_since:%Y-%m-%d %H:%M}Z ({outage.error})"
        for outage in open_outages(session)
    ]
    advice = (
        "start it, or correct SMTP_URL, the gateway's URL or the account; messages wait, and it is asked once a minute"
    )
    return Check("channels", "; ".join(found) or "none is down", advice if found else "")


def _label(outage: ChannelOutage) -> str:
    return "gateway " if outage.gateway_id else "sending account " if outage.account_id else ""


def gateways(session: Session) -> Check:
    """Steps that wait because their clinic has no gateway or sending account for them."""
    found = ", ".join(f"{slug} {number}" for slug, number in count_waiting_steps(session).items())
    if not found:
        return Check("gateways", "no step waits for one")
    advice = (
        "an admin of the clinic adds a gateway (POST /api/gateways) or a sending account (POST /api/sending-accounts),"
        " activates one or makes it the default"
    )
    return Check("gateways", f"waiting steps by clinic: {found}", advice)


def mailboxes(session: Session) -> Check:
    """Mailboxes that are not read."""
    figures = mailbox_figures(session)
    if figures.unread:
        advice = advice_for_silent("inbound", "run `relance serve inbound`; until then answers by e-mail stop nothing")
        return Check("mailboxes", f"{figures.unread} of {figures.active} are read by no process", advice)
    failing = [
        f"{row.name} since {row.failing_since:%Y-%m-%d %H:%M}Z ({row.error})" for row in failing_mailboxes(session)
    ]
    advice = "correct its settings (PATCH /api/mailboxes/{id}), or its server" if failing else ""
    return Check("mailboxes", "; ".join(failing) or f"{figures.active} are read", advice)


def postal_addresses(session: Session) -> Check:
    """Clinics that send commercial e-mail without a postal address. It is a warning: messages are sent all the same."""
    found = clinics_without_address(session, most=MAX_NAMED)
    words = f"missing in commercial e-mails of: {', '.join(found)}; their admins set one (PATCH /api/settings/sender)"
    return Check("postal address", words if found else "none is missing")


def _minutes(age: timedelta) -> str:
    return f"{age.total_seconds() / 60:.0f} minutes"
