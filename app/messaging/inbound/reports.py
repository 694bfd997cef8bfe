"""Reports about sent mail: bounces (RFC 3464, and the formats before it) and spam complaints (RFC 5965)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from typing import Final, NamedTuple

from flufl.bounce import all_failures

from app.messaging.inbound.models import Classification
from app.messaging.inbound.parsing.parse import ParsedEmail, readable, text_of

RELANCE_ID_HEADER: Final = "X-Relance-Id"
_MAX_SEARCHED: Final = 300_000  # characters

# Enhanced status codes (RFC 3463) of addresses that do not exist or take no mail. Any other refusal may have its cause
# on our side. 5.4.1 and 5.4.310: Exchange Online, for unknown recipients and domains.
_NO_SUCH_ADDRESS: Final = re.compile(r"5\.(1\.(0|1|2|3|6|10)|2\.1|4\.(1|4|310))")
_GENERAL: Final = re.compile(r"5\.(0|5)\.0")  # says nothing by itself
_REFUSED_ADDRESS: Final = re.compile(r"(?<![\d.])55[013](?![\d.])")  # SMTP replies (RFC 5321) about the mailbox
_POLICY: Final = re.compile(
    r"spam|block|policy|blacklist|denylist|reputation|\bspf\b|dkim|dmarc|content|virus|relay|quota|full|too large",
    re.IGNORECASE,
)
_CODE: Final = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_COMPLAINTS: Final = frozenset({"abuse", "fraud", "opt-out", "opt-out-list", "complaint"})
_DAEMON: Final = re.compile(r"(mailer-daemon|postmaster|mail-daemon|mailerdaemon|mdaemon)(@|$)", re.IGNORECASE)
_IDS: Final = re.compile(r"^(?:>\s?)?(message-id|x-relance-id)\s*:\s*(\S{1,500})", re.IGNORECASE | re.MULTILINE)


class Report(NamedTuple):
    """A report about a sent mail: its kind, and the code or word that decided it."""

    kind: Classification
    reason: str | None


class ReportedIds(NamedTuple):
    """Ids of the reported mail, as its headers in the report have them."""

    relance_ids: Sequence[str]
    message_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class MailEvent:
    """A bounce or complaint that the provider reports in its own form."""

    id: str  # the provider's id of the event
    kind: Classification
    recipient: str | None
    reason: str | None = None  # the status code
    message_id: str | None = None  # the Message-ID of the sent mail
    relance_id: str | None = None  # its X-Relance-Id


def read_report(mail: ParsedEmail) -> Report | None:
    """Return the report that the mail is; None for other mail."""
    below = _own_parts(mail.parts)
    for part in below:
        match part.get_content_type():
            case "message/delivery-status" | "message/global-delivery-status":
                return _delivery_status(part)
            case "message/feedback-report":
                return _feedback(part)
            case "message/disposition-notification":
                return Report(Classification.AUTO_REPLY, "disposition-notification")
    return _old_bounce(mail)


def reported_ids(mail: ParsedEmail) -> ReportedIds:
    """Return the ids in a report: in headers of the original mail, as a part or as text."""
    text = "\n".join(_searched(mail.parts[1:] or mail.parts))[:_MAX_SEARCHED]
    found = [(name.lower(), value) for name, value in _IDS.findall(text)]
    return ReportedIds(
        list(dict.fromkeys(value for name, value in found if name == RELANCE_ID_HEADER.lower())),
        list(dict.fromkeys(value for name, value in found if name == "message-id")),
    )


def classify_failure(code: str | None, words: str) -> Classification:
    """Return whether a final failure says that the address does not exist.

    `code` is the enhanced status code; `words` is the answer of the server.
    """
    own = _CODE.search(words)
    if own and (code is None or _GENERAL.fullmatch(code) or code.startswith("4")):
        code = own[1]
    if code and _NO_SUCH_ADDRESS.fullmatch(code):
        return Classification.BOUNCE_HARD
    is_general = code is None or _GENERAL.fullmatch(code) is not None
    if is_general and _REFUSED_ADDRESS.search(words) and not _POLICY.search(words):
        return Classification.BOUNCE_HARD
    return Classification.BOUNCE_SOFT


def _own_parts(parts: Sequence[Message]) -> Sequence[Message]:
    """Return the parts up to the first attached mail: the report inside of a forwarded mail is not a report to us."""
    own: list[Message] = []
    for part in parts[1:]:
        if part.get_content_type() == "message/rfc822":
            break
        own.append(part)
    return own


def _delivery_status(part: Message) -> Report:
    for block in _blocks(part):
        if "action" in block or "status" in block:
            return _recipient_status(block)
    return Report(Classification.BOUNCE_SOFT, None)


def _blocks(part: Message) -> list[Message]:
    """Return the groups of fields. Only some kinds of parts are parsed already."""
    payload = part.get_payload()
    if isinstance(payload, list) and len(payload) > 1:
        return [block for block in payload if isinstance(block, Message)]
    text = "\n\n".join(map(str, payload)) if isinstance(payload, list) else text_of(part)
    return [message_from_string(block.lstrip()) for block in re.split(r"\r?\n\s*\r?\n", text)]


def _recipient_status(block: Message) -> Report:
    action = str(block.get("action", "")).strip().lower()
    status = _CODE.search(str(block.get("status", "")))
    code, words = status[1] if status else None, readable(str(block.get("diagnostic-code", "")))[:2000]
    if action == "delayed" or (not action and code and code.startswith("4")):
        return Report(Classification.BOUNCE_DELAYED, code)
    if action in ("delivered", "relayed", "expanded"):
        return Report(Classification.AUTO_REPLY, action)
    return Report(classify_failure(code, words), code)


def _feedback(part: Message) -> Report:
    fields = [part, *_blocks(part)]
    kind = next((str(one["feedback-type"]).strip().lower() for one in fields if "feedback-type" in one), "")
    return Report(Classification.COMPLAINT if kind in _COMPLAINTS else Classification.AUTO_REPLY, kind or None)


def _old_bounce(mail: ParsedEmail) -> Report | None:
    """Return the report of a bounce without a status part, such as those of qmail and old Exim."""
    is_from_daemon = mail.return_path == "" or bool(_DAEMON.match(mail.sender or "")) or not mail.sender
    if not is_from_daemon and "x-failed-recipients" not in mail.headers:
        return None
    temporary, permanent = _failures(mail.parts[0])
    if temporary and not permanent:
        return Report(Classification.BOUNCE_DELAYED, None)
    if not permanent and "x-failed-recipients" not in mail.headers:
        return None
    words = mail.plain.partition("--- Below this line")[0][:5000]
    code = _CODE.search(words)
    return Report(classify_failure(None, words), code[1] if code else None)


def _failures(message: Message) -> tuple[bool, bool]:
    """Return whether the library finds a temporary and a permanent failure."""
    try:
        temporary, permanent = all_failures(message)
    except Exception:  # noqa: BLE001  (its detectors fail on broken mail)
        return False, False
    return bool(temporary), bool(permanent)


def _searched(parts: Sequence[Message]) -> Iterator[str]:
    for part in parts:
        for name in ("message-id", RELANCE_ID_HEADER):
            yield from (f"{name}: {readable(str(value))[:500]}" for value in part.get_all(name, []))
        if part.get_content_maintype() == "text":
            yield text_of(part)
