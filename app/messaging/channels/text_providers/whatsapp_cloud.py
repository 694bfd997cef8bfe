"""WhatsApp Cloud API of Meta. It accepts no idempotency key."""

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import orjson

from app.core.http_client.client import Response
from app.core.type_aliases import JsonDict
from app.messaging.channels.base import OutgoingMessage, Permanent, Receipt, Sent, Transient
from app.messaging.channels.provider_call import is_success, post
from app.messaging.channels.text_providers import media
from app.messaging.channels.text_providers.answers import read_object, to_receipt
from app.messaging.rendering.safe_text import one_line
from app.messaging.rendering.variants import Media, MediaType, ProviderTemplate

API: Final = "https://graph.facebook.com/v23.0"
LONGEST_CAPTION: Final = 1024  # characters of a text with a file
LONGEST_FILE_NAME: Final = 100
NOT_ON_WHATSAPP: Final = frozenset({131026})
OUTSIDE_SESSION: Final = frozenset({131047})
# Rate limits and maintenance.
_BUSY: Final = frozenset({4, 80007, 130429, 131016, 131048, 131056, 131057})
# The account takes no message at all: an expired token, a locked account, missing payment.
_ACCOUNT_REFUSED: Final = frozenset({0, 10, 190, 131031, 131042, 131045, 133010})


@dataclass(frozen=True, slots=True)
class WhatsAppAccount:
    """A phone number of a WhatsApp Business account."""

    phone_number_id: str
    access_token: str = field(repr=False)
    api_url: str = API


def send(account: WhatsAppAccount, message: OutgoingMessage) -> Receipt:
    """Make one delivery attempt. The provider repeats the message's id in its reports."""
    if message.provider_template is None and (refusal := _media_refusal(message)):
        return refusal
    payload = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": (message.address or "").removeprefix("+"),
        "biz_opaque_callback_data": message.message_id,
        **_content(message),
    }
    url = f"{account.api_url}/{quote(account.phone_number_id, safe='')}/messages"
    headers = {"Authorization": f"Bearer {account.access_token}", "Content-Type": "application/json"}
    answer = post(url, orjson.dumps(payload), headers, called="provider")
    return _read(answer, message) if isinstance(answer, Response) else answer


def _content(message: OutgoingMessage) -> JsonDict:
    if message.provider_template is not None:
        return {"type": "template", "template": _template(message.provider_template)}
    if message.media is not None:
        return {"type": message.media.type, message.media.type: _file(message.media, message.body)}
    return {"type": "text", "text": {"body": message.body, "preview_url": False}}


def _file(file: Media, caption: str) -> JsonDict:
    """Return the URL of a file with its text. A document keeps the name that its URL ends with."""
    name = unquote(urlsplit(file.url).path).rpartition("/")[2]
    named = {"filename": one_line(name)[:LONGEST_FILE_NAME]} if file.type == MediaType.DOCUMENT and name else {}
    return {"link": file.url, "caption": caption, **named}


def _media_refusal(message: OutgoingMessage) -> Receipt | None:
    """Return the receipt if the message's file cannot be sent with its text."""
    if message.media is not None and len(message.body) > LONGEST_CAPTION:
        return Permanent(f"a text with a file has at most {LONGEST_CAPTION} characters on WhatsApp")
    return media.refusal_of(message.media, media.WHATSAPP)


def _template(template: ProviderTemplate) -> JsonDict:
    """Return the template's name, language and values. A value must be one line."""
    values = [{"type": "text", "text": one_line(value)} for value in template.parameters]
    components = [{"type": "body", "parameters": values}] if values else []
    return {"name": template.name, "language": {"code": template.language}, "components": components}


def _read(answer: Response, message: OutgoingMessage) -> Receipt:
    given = read_object(answer.body)
    if is_success(answer):
        return Sent(f"accepted as {_accepted_id(given)}")
    error = given.get("error")
    error = error if isinstance(error, dict) else {}
    code, details = error.get("code"), error.get("error_data")
    words = str((isinstance(details, dict) and details.get("details")) or error.get("message") or "")
    receipt = to_receipt(answer, (code, words), message, retried=_BUSY)
    return Transient(receipt.response, is_outage=True) if code in _ACCOUNT_REFUSED else receipt


def _accepted_id(given: dict[str, Any]) -> str:
    messages = given.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else {}
    return str(first.get("id", "unknown")) if isinstance(first, dict) else "unknown"
