"""Twilio: the Messages API for SMS and WhatsApp. It accepts no idempotency key."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

import orjson

from app.core.http_client.client import Response
from app.messaging.channels.base import OutgoingMessage, Receipt, Sent
from app.messaging.channels.provider_call import is_success, post
from app.messaging.channels.text_providers import media
from app.messaging.channels.text_providers.answers import read_object, to_receipt

API: Final = "https://api.twilio.com"
# Part of the URL for reports (Twilio's connection overrides): repeat a call that was not answered or got 5xx.
REPEAT_REPORTS: Final = "#rc=5&rp=5xx,ct,rt"
WHATSAPP: Final = "whatsapp:"  # begins addresses of WhatsApp
INVALID_NUMBER: Final = frozenset({21211, 21214, 21217, 21614, 30005, 30006})  # no such number, or no mobile number
UNSUBSCRIBED: Final = frozenset({21610})  # the recipient has sent STOP
OUTSIDE_SESSION: Final = frozenset({63016})
NOT_ON_WHATSAPP: Final = frozenset({63003, 63024})
_BUSY: Final = frozenset({20429, 63018, 63038})  # rate limits


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """An account, and the number or messaging service that messages come from."""

    account_sid: str
    auth_token: str = field(repr=False)
    sender: str  # E.164, or the SID of a messaging service
    api_url: str = API


def send(account: TwilioAccount, message: OutgoingMessage, *, status_url: str, by_whatsapp: bool = False) -> Receipt:
    """Make one delivery attempt. Twilio reports the delivery to `status_url`."""
    limits = media.WHATSAPP_BY_TWILIO if by_whatsapp else media.MMS
    if message.provider_template is None and (refusal := media.refusal_of(message.media, limits)):
        return refusal
    prefix = WHATSAPP if by_whatsapp else ""
    form = [("To", prefix + (message.address or "")), *_sender(account, prefix), *_content(message)]
    body = urlencode([*form, ("StatusCallback", status_url + REPEAT_REPORTS)]).encode()
    answer = post(_url(account), body, _headers(account), called="provider")
    return _read(answer, message) if isinstance(answer, Response) else answer


def _url(account: TwilioAccount) -> str:
    return f"{account.api_url}/2010-04-01/Accounts/{quote(account.account_sid, safe='')}/Messages.json"


def _headers(account: TwilioAccount) -> dict[str, str]:
    login = b64encode(f"{account.account_sid}:{account.auth_token}".encode()).decode()
    return {"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"}


def _sender(account: TwilioAccount, prefix: str) -> Iterator[tuple[str, str]]:
    if account.sender.startswith("MG"):
        yield "MessagingServiceSid", account.sender
    else:
        yield "From", prefix + account.sender


def _content(message: OutgoingMessage) -> Iterator[tuple[str, str]]:
    """Yield the text, or the approved template with its numbered values."""
    template = message.provider_template
    if template is None:
        yield "Body", message.body
        if message.media is not None:
            yield "MediaUrl", message.media.url
        return
    yield "ContentSid", template.name
    if template.parameters:
        values = {str(number): value for number, value in enumerate(template.parameters, 1)}
        yield "ContentVariables", orjson.dumps(values).decode()


def _read(answer: Response, message: OutgoingMessage) -> Receipt:
    given = read_object(answer.body)
    if is_success(answer):
        return Sent(f"accepted as {given.get('sid', 'unknown')}")
    return to_receipt(answer, (given.get("code"), str(given.get("message") or "")), message, retried=_BUSY)
