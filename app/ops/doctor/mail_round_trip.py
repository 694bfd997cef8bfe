"""Check of the way back: send a test mail to each mailbox's own address, and wait until it is received."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app.clock import now
from app.core.db import new_id, transaction
from app.identity.inbound_email import InboundEmailSettings
from app.identity.models import Clinic
from app.messaging.channels import email
from app.messaging.channels.base import Outcome, OutgoingMessage
from app.messaging.inbound.addresses import return_addresses
from app.messaging.inbound.models import InboundEmail
from app.messaging.mailboxes.models import Mailbox
from app.ops.doctor.check import Check

WITHIN = 60.0  # seconds
POLL_INTERVAL = 0.2  # seconds
CLOCK_TOLERANCE = timedelta(minutes=5)  # between this host and the server that stores the mail


@dataclass(frozen=True, slots=True)
class _TestMail:
    """A test mail to one mailbox. Its subject is unique, because some providers replace the Message-ID."""

    name: str  # clinic and mailbox
    clinic_id: UUID
    mailbox_id: UUID
    address: str
    subject: str
    error: str | None
    sent_at: float  # monotonic clock


def check_mail_round_trip(slug: str | None = None) -> Iterator[Check]:
    """Send a mail to each active mailbox of all clinics, or of one, and say whether and when it is received."""
    mailboxes = _mailboxes(slug)
    if not mailboxes:
        yield Check("test mail", "there is no active mailbox", "add one: POST /api/mailboxes")
    started_at = now() - CLOCK_TOLERANCE
    for mail in [_send(*one) for one in mailboxes]:
        yield _result(mail, started_at)


def _mailboxes(slug: str | None) -> Sequence[tuple[Clinic, Mailbox]]:
    found = select(Clinic, Mailbox).join(Mailbox, Mailbox.clinic_id == Clinic.id).where(Mailbox.is_active)
    chosen = found if slug is None else found.where(Clinic.slug == slug)
    with transaction() as session:
        return [(clinic, mailbox) for clinic, mailbox in session.execute(chosen.order_by(Clinic.slug, Mailbox.name))]


def _send(clinic: Clinic, mailbox: Mailbox) -> _TestMail:
    """Send the mail to an address with a signed id, as answers of leads go to."""
    inbound, token = InboundEmailSettings.from_json(clinic.inbound_email).address or mailbox.username, new_id()
    name = f"{clinic.slug}, {mailbox.name}"
    if "@" not in inbound:
        return _TestMail(name, clinic.id, mailbox.id, "", "", "the clinic has no inbound address", time.monotonic())
    to = return_addresses(inbound, token, for_bounces=False)
    text = f"`relance doctor --mail` sent this mail to see whether the mailbox {mailbox.name} is read."
    subject = f"Test of the mailbox {mailbox.name} ({token})"
    message = OutgoingMessage(to.reply_to, subject, text, message_id=email.message_id(token), headers=to.headers)
    receipt = email.send(message)
    error = None if receipt.outcome is Outcome.SENT else receipt.response
    return _TestMail(name, clinic.id, mailbox.id, to.reply_to or "", subject, error, time.monotonic())


def _result(mail: _TestMail, started_at: datetime) -> Check:
    name = f"test mail: {mail.name}"
    if mail.error is not None:
        return Check(name, f"not sent: {mail.error}", "correct SMTP_URL or MAIL_FROM, or the clinic's inbound address")
    while not _is_received(mail, started_at):
        if time.monotonic() - mail.sent_at > WITHIN:
            return Check(name, f"nothing came to {mail.address} within {WITHIN:.0f} s", _advice(mail))
        time.sleep(POLL_INTERVAL)
    return Check(name, f"came back after {time.monotonic() - mail.sent_at:.1f} s")


def _is_received(mail: _TestMail, started_at: datetime) -> bool:
    recent = select(InboundEmail).where(
        InboundEmail.clinic_id == mail.clinic_id, InboundEmail.received_at >= started_at
    )
    with transaction() as session:
        return any(received.subject == mail.subject for received in session.scalars(recent))


def _advice(mail: _TestMail) -> str:
    with transaction() as session:
        mailbox = session.get_one(Mailbox, mail.mailbox_id)
    if mailbox.error:
        return f"the mailbox cannot be read: {mailbox.error}"
    if mailbox.last_seen_at is None:
        return "no process has read the mailbox: run `relance serve inbound`"
    return "look for it in the spam folder, and check that the mailbox gets mail for addresses with a plus sign"
