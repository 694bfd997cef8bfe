"""MIME messages: an outgoing message as headers and body, with strictly validated addresses."""

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
from app.messaging.channels.mail.mime_text import text_content
from app.messaging.rendering.safe_text import one_line

MAX_LOCAL_PART, MAX_DOMAIN = 64, 253  # RFC 5321, 4.5.3.1
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LOCAL_PART = re.compile(rf"{ATOM}(\.{ATOM})*")
LABELS = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")

LONGEST_HEADER_LINE = 76  # RFC 2047, 2
# Seven-bit content needs no 8BITMIME support on the server.
_POLICY = SMTP.clone(cte_type="7bit")


class BadAddress(ValueError):
    """This is not one plain e-mail address."""


class Sender(NamedTuple):
    """Name and address in the `From` header."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class MimeMessage:
    """A message with its SMTP envelope: sender, recipient and content."""

    sender: str
    recipient: str
    content: bytes  # headers and body, lines ended by CRLF


def normalise_address(text: str | None) -> str:
    """Return the address with its domain in ASCII. Raises BadAddress when it is not exactly one plain address."""
    local, at, domain = (text or "").rpartition("@")
    if not at or len(local) > MAX_LOCAL_PART or not LOCAL_PART.fullmatch(local):
        raise BadAddress(f"{text!r} is not an address this server can write to")
    return f"{local}@{_ascii_domain(domain)}"


def parse_sender(mail_from: str) -> Sender:
    """Parse MAIL_FROM: `Name <address>` or the address alone. Raises BadAddress."""
    if one_line(mail_from) != mail_from:
        raise BadAddress("a sender is one line")
    name, address = parseaddr(mail_from)
    return Sender(name, normalise_address(address))


def build_mime_message(message: OutgoingMessage, sender: Sender) -> MimeMessage:
    """Build the message: text/plain; with HTML multipart/alternative, and with files multipart/mixed.

    `headers` may replace the usual ones. Raises BadAddress when the recipient's address is invalid.
    """
    recipient = normalise_address(message.address)
    headers = {
        "From": _mailbox(one_line(message.sender_name) or sender.name, message.sender_address or sender.address),
        "To": recipient,
        "Reply-To": _plain_address(message.reply_to),
        "Subject": _encoded(one_line(message.subject), "Subject"),
        "Date": format_datetime(clock.now()),
        "Message-ID": message.message_id,
        "Auto-Submitted": "auto-generated",  # RFC 3834: prevents automatic replies
        **{name: one_line(value) for name, value in message.headers.items() if value.isascii()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return_path = _plain_address(message.return_path) or sender.address
    return MimeMessage(return_path, recipient, head.encode("ascii") + _content(message))


def _plain_address(address: str | None) -> str | None:
    """Return the address; None if it is missing or invalid, which must not stop the message."""
    try:
        return normalise_address(address)
    except BadAddress:
        return None


def _content(message: OutgoingMessage) -> bytes:
    if not message.attachments:
        return text_content(message.body, message.html)
    part = EmailMessage(policy=_POLICY)
    part.set_content(message.body)
    if message.html is not None:
        part.add_alternative(message.html, subtype="html")
    for file in message.attachments:
        kind, _, subtype = file.content_type.partition("/")
        charset = {"charset": "utf-8"} if kind == "text" else None
        part.add_attachment(file.content, maintype=kind, subtype=subtype, filename=one_line(file.name), params=charset)
    return part.as_bytes()


def _mailbox(name: str, address: str) -> str:
    if _is_plain(name):
        return formataddr((name, address))
    return f"{_encoded(name, 'From')}\r\n <{address}>"


def _encoded(text: str, header: str) -> str:
    # The newer email.policy loses spaces where it folds what it had to encode (seen in Python 3.11).
    charset = "us-ascii" if _is_plain(text) else "utf-8"
    if charset == "us-ascii" and len(header) + len(": ") + len(text) <= LONGEST_HEADER_LINE:
        return text
    return Header(text, charset, header_name=header).encode(linesep="\r\n")


def _is_plain(text: str) -> bool:
    return text.isascii() and "=?" not in text  # else it might be read as already encoded (RFC 2047)


def _ascii_domain(domain: str) -> str:
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode() if not domain.isascii() else domain.lower()
    except idna.IDNAError as error:
        raise BadAddress(f"{domain!r}: {error}") from None
    if len(ascii_domain) > MAX_DOMAIN or not LABELS.fullmatch(ascii_domain):
        raise BadAddress(f"{domain!r} is not the name of a mail domain")
    return ascii_domain
