"""Parse a mail. It comes from strangers, so every part of it is bounded."""

import codecs
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from typing import Final, NamedTuple

from app.messaging.rendering.safe_text import one_line

MAX_BYTES: Final = 25_000_000
MAX_DEPTH: Final = 20  # levels of nested parts
MAX_PARTS: Final = 300
MAX_HEADERS: Final = 400
MAX_HEADER: Final = 10_000  # characters that are read of one header
MAX_TEXT: Final = 100_000  # characters that are read of one text
MAX_ATTACHMENTS: Final = 50
MAX_ADDRESSES: Final = 200
MAX_REFERENCES: Final = 100
LONGEST_MESSAGE_ID: Final = 500
LONGEST_NAME: Final = 200
# Limits on the raw text. The parser of the standard library takes quadratic time and memory beyond them.
_MAX_NESTING: Final = 30  # boundaries, and mails within mails
_MAX_DASHED_LINES: Final = 10_000
_MAX_HEADER_BYTES: Final = 500_000  # of all headers of the mail

_NESTING: Final = re.compile(rb"boundary\s*=|content-type:\s*message/", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_NAMED_ADDRESS: Final = re.compile(rf"<\s*({_ADDRESS.pattern})\s*>")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{1,498}>")
# Headers with addresses that the mail was delivered to. `Reply-To` is never one of them.
_RECIPIENT_HEADERS: Final = (
    *("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-forwarded-to"),
    *("x-rcpt-to", "apparently-to", "resent-to"),
)
_NO_TEXT_CODECS: Final = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"})

Attachment = Mapping[str, str | int]  # name, type, size (bytes), sha256


class Unreadable(ValueError):
    """The mail cannot be parsed within the limits."""


class Envelope(NamedTuple):
    """SMTP envelope, if the provider reports it. An empty `sender` is a null return path."""

    sender: str | None = None
    recipients: Sequence[str] = ()


NO_ENVELOPE: Final = Envelope()


@dataclass(frozen=True, slots=True)
class ParsedEmail:
    """The headers and texts of a mail that the application uses."""

    message_id: str  # without a usable Message-ID, a hash of the content
    sender: str | None  # address in From
    sender_name: str
    recipients: Sequence[str]  # addresses that it was sent or delivered to
    subject: str
    in_reply_to: Sequence[str]  # Message-IDs with brackets
    references: Sequence[str]
    return_path: str | None  # empty: a null return path; None: unknown
    headers: Mapping[str, str]  # the first value of each, by name in lower case
    plain: str
    html: str
    attachments: Sequence[Attachment] = ()
    parts: Sequence[Message] = field(default=(), repr=False, compare=False)


def content_id(raw: bytes) -> str:
    """Return the id of a mail without a usable Message-ID: a hash of its content."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def parse_email(raw: bytes, envelope: Envelope = NO_ENVELOPE) -> ParsedEmail:
    """Parse a mail. Raises Unreadable."""
    message, parts = parse_parts(raw)
    headers = _headers(message)
    name, address = _sender(headers.get("from", ""))
    return ParsedEmail(
        message_id=next(iter(_ids(headers, "message-id")), None) or content_id(raw),
        sender=address,
        sender_name=name,
        recipients=_recipients(message, envelope),
        subject=one_line(decoded(headers.get("subject", "")))[:LONGEST_NAME],
        in_reply_to=_ids(headers, "in-reply-to"),
        references=_ids(headers, "references"),
        return_path=_return_path(headers, envelope),
        headers=headers,
        plain=_first_text(parts, "text/plain"),
        html=_first_text(parts, "text/html"),
        attachments=[_reference(part) for part in attachment_parts(parts)],
        parts=parts,
    )


def parse_parts(raw: bytes) -> tuple[Message, Sequence[Message]]:
    """Return the mail and its parts, nested mails included, in their order. Raises Unreadable."""
    if len(raw) > MAX_BYTES:
        raise Unreadable(f"larger than {MAX_BYTES} bytes")
    head = _BLANK_LINE.search(raw)
    if (head.start() if head else len(raw)) > _MAX_HEADER_BYTES:
        raise Unreadable("too many headers")
    if len(_NESTING.findall(raw)) > _MAX_NESTING or raw.count(b"\n--") > _MAX_DASHED_LINES:
        raise Unreadable("too many parts")
    try:
        message = BytesParser().parsebytes(raw)
        return message, list(_walk(message))
    except (RecursionError, ValueError, LookupError, AssertionError, AttributeError, TypeError) as error:
        raise Unreadable(type(error).__name__) from None


def attachment_parts(parts: Sequence[Message]) -> list[Message]:
    """Return the parts that are attachments, at most 50, in the order of the references."""
    found = [part for part in parts[1:] if not part.is_multipart() and _is_attachment(part)]
    return found[:MAX_ATTACHMENTS]


def decoded(value: str) -> str:
    """Decode the encoded words (RFC 2047) of a header. Broken ones stay as they are."""
    value = readable(value)
    if "=?" not in value:
        return value
    try:
        return readable(str(make_header(decode_header(value))))
    except (HeaderParseError, LookupError, ValueError):
        return value


def readable(value: str) -> str:
    """Return the text with raw bytes read as UTF-8, and without characters that UTF-8 cannot encode."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if _is_escaped(value) else value


def text_of(part: Message) -> str:
    """Return the text of a part: at most 100,000 characters, in whatever charset, without raising."""
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    charset = str(part.get_content_charset("utf-8")).lower().replace("-", "_")
    try:
        text = content[: 4 * MAX_TEXT].decode(_codec(charset), "replace")
    except (LookupError, ValueError):
        text = content[:MAX_TEXT].decode("utf-8", "replace")
    return text[:MAX_TEXT].replace("\0", "")


def _codec(charset: str) -> str:
    """Return the codec for a declared charset. Windows declares its own characters as Latin-1, as browsers know."""
    if charset in _NO_TEXT_CODECS:
        return "utf-8"
    name = codecs.lookup(charset).name
    return "cp1252" if name == "iso8859-1" else name


def _is_escaped(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)


def _walk(message: Message) -> Iterator[Message]:
    waiting, number = [(message, 0)], 0
    while waiting:
        part, depth = waiting.pop()
        number += 1
        if depth > MAX_DEPTH or number > MAX_PARTS:
            raise Unreadable("too many parts")
        yield part
        if part.is_multipart():
            waiting += [(below, depth + 1) for below in reversed(_below(part))]


def _below(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [below for below in payload if isinstance(below, Message)] if isinstance(payload, list) else []


def _headers(message: Message) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in message.items()[:MAX_HEADERS]:
        found.setdefault(name.lower(), one_line(readable(str(value)[:MAX_HEADER])))
    return found


def _sender(value: str) -> tuple[str, str | None]:
    """Return name and address of a From header. The parser of the standard library recurses on hostile values.

    An address within a quoted name is a part of the name: `"Ana <ana@people.example>" <eve@else.example>` is from Eve.
    """
    unquoted = _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), value)  # the same length, so that positions fit
    if named := _NAMED_ADDRESS.search(unquoted):
        name = one_line(decoded(value[: named.start()])).strip("\"' ")
        return name[:LONGEST_NAME], named[1].lower()
    bare = _ADDRESS.search(unquoted)
    return "", bare[0].lower() if bare else None


def _recipients(message: Message, envelope: Envelope) -> list[str]:
    values = [*envelope.recipients[:MAX_ADDRESSES]]
    values += [str(value)[:MAX_HEADER] for name, value in message.items()[:MAX_HEADERS] if _names_recipient(name)]
    found = dict.fromkeys(address.lower() for value in values for address in _ADDRESS.findall(value))
    return list(found)[:MAX_ADDRESSES]


def _names_recipient(header: str) -> bool:
    return header.lower() in _RECIPIENT_HEADERS


def _ids(headers: Mapping[str, str], name: str) -> list[str]:
    found = _MESSAGE_ID.findall(headers.get(name, ""))
    return [one for one in found if one.isascii() and one.isprintable()][-MAX_REFERENCES:]


def _return_path(headers: Mapping[str, str], envelope: Envelope) -> str | None:
    given = headers.get("return-path", envelope.sender)
    return None if given is None else given.strip().strip("<>").lower()


def _first_text(parts: Sequence[Message], content_type: str) -> str:
    """Return the first text of this type that belongs to the mail itself, not to an attached mail."""
    for part in parts:
        if part.get_content_maintype() == "message":
            return ""
        if part.get_content_type() == content_type and not _is_attachment(part):
            return text_of(part)
    return ""


def _is_attachment(part: Message) -> bool:
    is_text = part.get_content_type() in ("text/plain", "text/html")
    return part.get_content_disposition() == "attachment" or bool(part.get_filename()) or not is_text


def _reference(part: Message) -> Attachment:
    content = part.get_payload(decode=True)
    content = content if isinstance(content, bytes) else b""
    return {
        "name": one_line(decoded(str(part.get_filename() or "")))[:LONGEST_NAME] or "unnamed",
        "type": part.get_content_type()[:LONGEST_NAME],
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
