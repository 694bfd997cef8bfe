"""Postmark: inbound webhook, and webhooks for bounces and spam complaints. The password in the URL authenticates."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.messaging.inbound.models import Classification
from app.messaging.inbound.parsing.parse import Envelope
from app.messaging.inbound.providers.base import (
    Item,
    ProviderCall,
    ReceivedMail,
    UnreadableCall,
    decode_file,
    event_id,
    rebuild,
    require_password,
    result_of_check,
    text_or_none,
)
from app.messaging.inbound.reports import MailEvent, classify_failure

verify = require_password

_OWN_RECEIVER: Final = re.compile(r"\breceiver=[^\s;]{0,500}@inbound\.postmarkapp\.com(?=[\s;]|$)")
_KINDS: Final[Mapping[str, Classification]] = {
    "HardBounce": Classification.BOUNCE_HARD,
    "BadEmailAddress": Classification.BOUNCE_HARD,
    "Transient": Classification.BOUNCE_DELAYED,
    "SpamComplaint": Classification.COMPLAINT,
}


def read(call: ProviderCall) -> Iterator[Item]:
    """Yield the mail or the event of a verified call. Raises UnreadableCall."""
    given = call.json()
    if not isinstance(given, dict):
        raise UnreadableCall("The body is not an object.")
    match given.get("RecordType"):
        case "Bounce" | "SpamComplaint":
            yield _event(given)
        case None:
            yield _mail(given)


def _event(given: dict[str, Any]) -> MailEvent:
    words = f"{given.get('Details', '')} {given.get('Description', '')}"
    kind = _KINDS.get(str(given.get("Type")))
    if kind is None:
        kind = Classification.COMPLAINT if given["RecordType"] == "SpamComplaint" else classify_failure(None, words)
    metadata = given.get("Metadata") or {}
    return MailEvent(
        event_id(given.get("ID"), given),
        kind,
        text_or_none(given.get("Email")),
        text_or_none(given.get("Type")),
        text_or_none(metadata.get("message_id")) if isinstance(metadata, dict) else None,
    )


def _mail(given: dict[str, Any]) -> ReceivedMail:
    envelope = Envelope(None, [str(given.get("OriginalRecipient", ""))])
    headers = [(str(one.get("Name")), str(one.get("Value"))) for one in given.get("Headers") or ()]
    checks = {"spf": _spf(headers)}
    if given.get("RawEmail"):
        return ReceivedMail(str(given["RawEmail"]).encode(), envelope, checks)
    known = {name.lower() for name, _ in headers}
    main = (("From", given.get("From")), ("To", given.get("To")), ("Subject", given.get("Subject")))
    headers += [(name, str(value)) for name, value in main if value and name.lower() not in known]
    files = [
        decode_file(one.get("Name"), one.get("ContentType"), one.get("Content"))
        for one in given.get("Attachments") or ()
    ]
    raw = rebuild(headers, (str(given.get("TextBody") or ""), str(given.get("HtmlBody") or "")), files)
    return ReceivedMail(raw, envelope, checks)


def _spf(headers: Sequence[tuple[str, str]]) -> str:
    """Return the result in the first header Received-SPF, if Postmark's server wrote it: it names the receiver."""
    first = next((value for name, value in headers if name.lower() == "received-spf"), "")
    return result_of_check(first) if _OWN_RECEIVER.search(first) else "none"
