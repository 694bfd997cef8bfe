"""`email` channel: plain text over SMTP.

A message goes through the clinic's own mail server if it has a sending account, else through SMTP_URL with MAIL_FROM.
"""

import os
import re
from dataclasses import replace
from email.utils import parseaddr
from functools import lru_cache
from typing import Final, Self
from uuid import UUID

from app.config import Settings, get_settings
from app.messaging.channels.account import Account
from app.messaging.channels.base import Channel, ForLeads, ForUsers, OutgoingMessage, Permanent, Receipt, Transient
from app.messaging.channels.mail import smtp, smtp_account
from app.messaging.channels.mail.mail_server import InvalidMailSettings, MailServer
from app.messaging.channels.mail.mime import BadAddress, build_mime_message, normalise_address, parse_sender
from app.messaging.models import AddressKind

# RFC 3463: the mailbox or its domain does not exist. Any other refusal may have its cause on our side.
_NO_SUCH_MAILBOX: Final = re.compile(r"\b5\.1\.(1|2|3|6|10)\b")


class EmailSender:
    """Send e-mail from one address through one server."""

    def __init__(self, server: MailServer, mail_from: str) -> None:
        """Prepare; the connection opens with the first message.

        Raises InvalidMailSettings (MAIL_FROM is no address).
        """
        try:
            self._sender = parse_sender(mail_from)
        except BadAddress as error:
            raise InvalidMailSettings(f"MAIL_FROM: {error}") from None
        self._transport = smtp.SmtpTransport(server)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return a sender for SMTP_URL and MAIL_FROM. Raises InvalidMailSettings."""
        return cls(MailServer.from_settings(settings), settings.mail_from)

    def send(self, message: OutgoingMessage) -> Receipt:
        """Make one delivery attempt. Errors of the provider or the network become receipts.

        Takes at most twice the setting SMTP_TIMEOUT.
        """
        try:
            mime_message = build_mime_message(message, self._sender)
        except BadAddress as error:
            return Permanent(str(error))
        return self._transport.deliver(mime_message)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def send(message: OutgoingMessage) -> Receipt:
    """Make one delivery attempt over this process's connection, which stays open between messages."""
    if message.account is not None:
        return _send_through(message.account, message)
    try:
        sender = _process_sender(os.getpid())  # a forked child must not share its parent's socket
    except InvalidMailSettings as error:  # no server was contacted, so the attempt can be repeated
        return Transient(str(error), is_outage=True)
    return sender.send(message)


def _send_through(account: Account, message: OutgoingMessage) -> Receipt:
    """Make one delivery attempt through a clinic's mail server."""
    try:
        sender, transport = smtp_account.sender_of(account)
        mime_message = build_mime_message(message, sender)
    except BadAddress as error:
        return Permanent(str(error))
    return transport.deliver(mime_message)


def probe_account(account: Account, timeout: float) -> str | None:
    """Connect to a clinic's mail server, greet it and log in, as `probe`."""
    return smtp.probe(smtp_account.server_of(account, timeout=timeout))


def probe(timeout: float) -> str | None:
    """Connect to the mail server, greet it and log in. Returns why it takes no messages; None if it takes them.

    Takes at most `timeout` seconds.
    """
    try:
        server = MailServer.from_settings(get_settings())
    except InvalidMailSettings as error:
        return str(error)
    return smtp.probe(replace(server, timeout=min(timeout, server.timeout)))


def reset_connection() -> None:
    """Open a new connection for the next message, with the settings of that time."""
    _process_sender.cache_clear()
    smtp_account.reset_connections()


@lru_cache(maxsize=16)
def _process_sender(_pid: int) -> EmailSender:
    return EmailSender.from_settings(get_settings())


def is_valid_address(address: str | None) -> bool:
    """Return whether the text is exactly one plain e-mail address."""
    try:
        normalise_address(address)
    except BadAddress:
        return False
    return True


def message_id(notification_id: UUID) -> str:
    """Return the `Message-ID` header, in the domain of MAIL_FROM."""
    domain = parseaddr(get_settings().mail_from)[1].rpartition("@")[2]
    return f"<{notification_id}@{domain or 'localhost'}>"


def is_bounce(response: str) -> bool:
    """Return whether the server's reply says that the mailbox does not exist."""
    return bool(_NO_SUCH_MAILBOX.search(response))


CHANNEL: Final = Channel(
    name="email",
    label="by e-mail",
    send=send,
    for_users=ForUsers(address=lambda _, email: email),
    for_leads=ForLeads(address=lambda lead: lead.email, suppressed_by=AddressKind.EMAIL, is_valid=is_valid_address),
    unsubscribes_by_link=True,
    message_id=message_id,
    is_bounce=is_bounce,
    probe=probe,
    probe_account=probe_account,
)
