"""WhatsApp Cloud API: its signature and handshake, and the messages and reports in its calls."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from app.messaging.inbound.texts.items import (
    LONGEST_TEXT,
    Item,
    Media,
    ReceivedText,
    ReportedStatus,
    StatusReport,
    TextCall,
    UnreadableCall,
    UntrustedCall,
    clean_name,
    read_uuid,
    require_equal,
)

_SIGNATURE: Final = "x-hub-signature-256"
_MEDIA: Final = ("image", "video", "audio", "document", "sticker")
_STATUSES: Final[Mapping[str, ReportedStatus]] = {
    "sent": ReportedStatus.ACCEPTED,
    "delivered": ReportedStatus.DELIVERED,
    "read": ReportedStatus.READ,
    "played": ReportedStatus.READ,
    "failed": ReportedStatus.FAILED,
}


def verify(call: TextCall, app_secret: str) -> None:
    """Check the signature over the body. Raises UntrustedCall."""
    if not app_secret:
        raise UntrustedCall
    expected = hmac.new(app_secret.encode(), call.body, hashlib.sha256).hexdigest()
    require_equal(call.headers.get(_SIGNATURE, ""), f"sha256={expected}")


def answer_handshake(query: Mapping[str, str], verify_token: str) -> str:
    """Return the challenge of the request that checks the webhook's URL. Raises UntrustedCall."""
    if not verify_token or query.get("hub.mode") != "subscribe":
        raise UntrustedCall
    require_equal(query.get("hub.verify_token", ""), verify_token)
    return query.get("hub.challenge", "")


def read(call: TextCall, phone_number_id: str) -> Iterator[Item]:
    """Yield the messages and reports of a verified call for this number. Raises UnreadableCall."""
    try:
        given = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise UnreadableCall("The body is not JSON.") from None
    for entry in given["entry"]:
        for change in entry["changes"]:
            value = change["value"]
            if change.get("field") == "messages" and value["metadata"]["phone_number_id"] == phone_number_id:
                yield from _items(value)


def _items(value: dict[str, Any]) -> Iterator[Item]:
    names = {one.get("wa_id"): one.get("profile", {}).get("name") for one in value.get("contacts", ())}
    for message in value.get("messages", ()):
        if message.get("type") != "system":  # such as a changed number
            yield _message(message, clean_name(names.get(message["from"])))
    for report in value.get("statuses", ()):
        if report["status"] in _STATUSES:
            yield _report(report)


def _message(message: dict[str, Any], name: str) -> ReceivedText:
    kind = str(message.get("type"))
    content = message.get(kind)
    content = content if isinstance(content, dict) else {}
    return ReceivedText(
        str(message["id"]),
        "whatsapp",
        f"+{message['from']}",
        _text(kind, content)[:LONGEST_TEXT],
        name,
        (_media(content),) if kind in _MEDIA and "id" in content else (),
        _instant(message.get("timestamp")),
    )


def _text(kind: str, content: dict[str, Any]) -> str:
    """Return the words of the message: its text, its caption, or the button that was chosen."""
    match kind:
        case "text":
            found = content.get("body")
        case "button":
            found = content.get("text")
        case "interactive":
            chosen = content.get(str(content.get("type")))
            found = chosen.get("title") if isinstance(chosen, dict) else None
        case "reaction":
            found = content.get("emoji")
        case "location":
            found = content.get("name") or content.get("address")
        case _:
            found = content.get("caption")
    return str(found or "")


def _media(content: dict[str, Any]) -> Media:
    size = content.get("file_size")
    name = content.get("filename")
    return Media(
        str(content.get("mime_type", "")),
        str(content["id"]),
        size if isinstance(size, int) else None,
        clean_name(name) if name else None,
    )


def _report(report: dict[str, Any]) -> StatusReport:
    errors = report.get("errors") or [{}]
    code, details = errors[0].get("code"), errors[0].get("error_data") or {}
    return StatusReport(
        str(report["id"]),
        read_uuid(report.get("biz_opaque_callback_data")),
        _STATUSES[report["status"]],
        code=code if isinstance(code, int) else None,
        words=str(details.get("details") or errors[0].get("title") or report["status"]),
        at=_instant(report.get("timestamp")),
    )


def _instant(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if isinstance(seconds, str) and seconds.isdecimal() else None
