"""WhatsApp Cloud API: its signature and handshake, and the messages and reports in its calls."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import orjson
import structlog

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
    read_id,
    read_uuid,
    require_equal,
)

Found = TypeVar("Found")
log = structlog.get_logger()

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
    unreadable: list[Exception] = []
    found = [
        item
        for entry in given["entry"]
        for change in entry["changes"]
        if change.get("field") == "messages" and change["value"]["metadata"]["phone_number_id"] == phone_number_id
        for item in _items(change["value"], unreadable)
    ]
    if unreadable and not found:
        raise UnreadableCall("No message or report can be read.")
    yield from found


def _items(value: dict[str, Any], unreadable: list[Exception]) -> Iterator[Item]:
    """Yield what can be read, and collect the errors of the rest.

    One unreadable part of a call must not block the others: Meta repeats the whole call for days.
    """
    names = dict(_each(value.get("contacts", ()), lambda one: (one["wa_id"], one["profile"]["name"]), []))
    yield from _each(
        [one for one in value.get("messages", ()) if not _is_system(one)],
        lambda one: _message(one, clean_name(names.get(one["from"]))),
        unreadable,
    )
    yield from _each(
        [one for one in value.get("statuses", ()) if _is_known(one)],
        _report,
        unreadable,
    )


def _each(values: Iterable[Any], read: Callable[[Any], Found], unreadable: list[Exception]) -> Iterator[Found]:
    for one in values:
        try:
            yield read(one)
        except (UnreadableCall, AttributeError, TypeError, KeyError, ValueError, IndexError) as error:
            log.warning("inbound_text.unreadable", provider="whatsapp_cloud", error=type(error).__name__)
            unreadable.append(error)


def _is_system(message: Any) -> bool:
    """Whether the message is about the conversation itself, such as a changed number."""
    return isinstance(message, dict) and message.get("type") == "system"


def _is_known(report: Any) -> bool:
    return not isinstance(report, dict) or str(report.get("status")) in _STATUSES


def _message(message: dict[str, Any], name: str) -> ReceivedText:
    kind = str(message.get("type"))
    content = message.get(kind)
    content = content if isinstance(content, dict) else {}
    return ReceivedText(
        read_id(message["id"]),
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
        read_id(report["id"]),
        read_uuid(report.get("biz_opaque_callback_data")),
        _STATUSES[report["status"]],
        code=code if isinstance(code, int) else None,
        words=str(details.get("details") or errors[0].get("title") or report["status"]),
        at=_instant(report.get("timestamp")),
    )


def _instant(seconds: object) -> datetime | None:
    """Return the time of a message or report; None without a usable one."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC) if isinstance(seconds, str) and seconds.isdecimal() else None
    except (ValueError, OverflowError, OSError):
        return None
