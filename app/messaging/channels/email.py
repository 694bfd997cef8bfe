"""`email`: e-mail in plain text, handed over by SMTP. Its settings are SMTP_URL, SMTP_TIMEOUT and MAIL_FROM."""

import os
import re
from email.utils import parseaddr
from functools import lru_cache
from typing import Final, Self
from uuid import UUID

from app.config import Settings, get_settings
from app.messaging.channels.base import Channel, ForLeads, ForUsers, OutgoingMessage, Permanent, Receipt, Transient
from app.messaging.channels.mail_server import InvalidMailSettings, MailServer
from app.messaging.channels.mime import BadAddress, address_of, sender_of, write_letter
from app.messaging.channels.smtp import SmtpLine
from app.messaging.models import Way

# RFC 3463: that mailbox, or its domain, does not exist (any more). Any other refusal may be our own fault.
_NO_SUCH_MAILBOX: Final = re.compile(r"\b5\.1\.(1|2|3|6|10)\b")


class EmailSender:
    """Sends from one address through one server."""

    def __init__(self, server: MailServer, mail_from: str) -> None:
        """Connect later, with the first message. Raises InvalidMailSettings when MAIL_FROM is no address."""
        try:
            self._sender = sender_of(mail_from)
        except BadAddress as error:
            raise InvalidMailSettings(f"MAIL_FROM: {error}") from None
        self._line = SmtpLine(server)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Send through SMTP_URL, from MAIL_FROM. Raises InvalidMailSettings."""
        return cls(MailServer.from_settings(settings), settings.mail_from)

    def send(self, message: OutgoingMessage) -> Receipt:
        """Try once. Raises nothing that the provider or the network could be the cause of.

        Takes at most twice the settings' SMTP_TIMEOUT.
        """
        try:
            letter = write_letter(message, self._sender)
        except BadAddress as error:
            return Permanent(str(error))
        return self._line.deliver(letter)

    def close(self) -> None:
        """Say goodbye to the server."""
        self._line.close()


def send(message: OutgoingMessage) -> Receipt:
    """Try once, over this process's connection, which stays open from one message to the next."""
    try:
        sender = _sender_of_process(os.getpid())  # a forked child must not share its parent's socket
    except InvalidMailSettings as error:  # a mistake in the settings: it is known that no server was asked
        return Transient(str(error))
    return sender.send(message)


def forget_connection() -> None:
    """Connect anew for the next message, with the settings of that time."""
    _sender_of_process.cache_clear()


@lru_cache(maxsize=16)
def _sender_of_process(_pid: int) -> EmailSender:
    return EmailSender.from_settings(get_settings())


def is_valid_address(address: str | None) -> bool:
    """Return whether it is one plain e-mail address."""
    try:
        address_of(address)
    except BadAddress:
        return False
    return True


def message_id(notification_id: UUID) -> str:
    """Return the `Message-ID`, in the domain of MAIL_FROM."""
    domain = parseaddr(get_settings().mail_from)[1].rpartition("@")[2]
    return f"<{notification_id}@{domain or 'localhost'}>"


def is_bounce(response: str) -> bool:
    """Return whether the server's answer says that there is no such mailbox."""
    return bool(_NO_SUCH_MAILBOX.search(response))


CHANNEL: Final = Channel(
    name="email",
    label="by e-mail",
    send=send,
    for_users=ForUsers(address=lambda _, email: email),
    for_leads=ForLeads(address=lambda lead: lead.email, suppressed_by=Way.EMAIL, is_valid=is_valid_address),
    message_id=message_id,
    is_bounce=is_bounce,
)
