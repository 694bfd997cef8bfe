"""A message as the bytes that travel, with addresses that are exactly one address each."""

import re
from dataclasses import dataclass
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr, parseaddr
from typing import NamedTuple

import idna

from app import clock
from app.messaging.channels.base import OutgoingMessage
from app.messaging.rendering.safe_text import one_line

LONGEST_LOCAL_PART, LONGEST_DOMAIN = 64, 253  # RFC 5321, 4.5.3.1
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LOCAL_PART = re.compile(rf"{ATOM}(\.{ATOM})*")
LABELS = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")

# Seven bits only: no server has to be asked whether it takes eight.
_POLICY = SMTP.clone(cte_type="7bit")


class BadAddress(ValueError):
    """This is not one plain e-mail address."""


class Sender(NamedTuple):
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Letter:
    """An envelope and what is in it."""

    sender: str
    recipient: str
    content: bytes  # headers and body, lines ended by CRLF


def address_of(text: str | None) -> str:
    """The address, its domain in ASCII. Raises BadAddress for what could be read as anything else."""
    local, at, domain = (text or "").rpartition("@")
    if not at or len(local) > LONGEST_LOCAL_PART or not LOCAL_PART.fullmatch(local):
        raise BadAddress(f"{text!r} is not an address this server can write to")
    return f"{local}@{_domain(domain)}"


def sender_of(mail_from: str) -> Sender:
    """MAIL_FROM, as `Name <address>` or the address alone. Raises BadAddress."""
    if one_line(mail_from) != mail_from:
        raise BadAddress("a sender is one line")
    name, address = parseaddr(mail_from)
    return Sender(name, address_of(address))


def write_letter(message: OutgoingMessage, sender: Sender) -> Letter:
    """The message in text/plain. Raises BadAddress."""
    recipient = address_of(message.address)
    headers = {
        "From": _named(one_line(message.sender_name) or sender.name, sender.address),
        "To": recipient,
        "Reply-To": _if_usable(message.reply_to),
        "Subject": _encoded(one_line(message.subject), "Subject"),
        "Date": format_datetime(clock.now()),
        "Message-ID": message.message_id,
        "Auto-Submitted": "auto-generated",  # RFC 3834: nobody's out-of-office note answers it
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return Letter(sender.address, recipient, head.encode("ascii") + _content(message.body))


def _if_usable(address: str | None) -> str | None:
    """A mistake in where answers go is no reason to say nothing."""
    try:
        return address_of(address)
    except BadAddress:
        return None


def _content(body: str) -> bytes:
    part = EmailMessage(policy=_POLICY)
    part.set_content(body)
    return part.as_bytes()


def _named(name: str, address: str) -> str:
    if _is_plain(name):
        return formataddr((name, address))
    return f"{_encoded(name, 'From')}\r\n <{address}>"


def _encoded(text: str, header: str) -> str:
    # The newer email.policy loses spaces where it folds what it had to encode (seen in Python 3.11).
    charset = "us-ascii" if _is_plain(text) else "utf-8"
    return Header(text, charset, header_name=header).encode(linesep="\r\n")


def _is_plain(text: str) -> bool:
    return text.isascii() and "=?" not in text  # else it might be read as already encoded (RFC 2047)


def _domain(domain: str) -> str:
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode() if not domain.isascii() else domain.lower()
    except idna.IDNAError as error:
        raise BadAddress(f"{domain!r}: {error}") from None
    if len(ascii_domain) > LONGEST_DOMAIN or not LABELS.fullmatch(ascii_domain):
        raise BadAddress(f"{domain!r} is not the name of a mail domain")
    return ascii_domain
