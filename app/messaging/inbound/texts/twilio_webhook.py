"""Twilio: its signature, and the messages and reports in its calls."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qs, parse_qsl, urlsplit, urlunsplit

from app.messaging.channels.text_providers.twilio import REPEAT_REPORTS, WHATSAPP
from app.messaging.inbound.texts.items import (
    LONGEST_TEXT,
    MOST_MEDIA,
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

MESSAGE_PARAMETER: Final = "message"  # of the URL for reports: the notification's id
_RECEIVED: Final = "received"  # the status of a message that arrived
_SIGNATURE: Final = "x-twilio-signature"
_PORTS: Final = {"https": 443, "http": 80}
_STATUSES: Final[Mapping[str, ReportedStatus]] = {
    "sent": ReportedStatus.ACCEPTED,
    "delivered": ReportedStatus.DELIVERED,
    "read": ReportedStatus.READ,
    "undelivered": ReportedStatus.FAILED,
    "failed": ReportedStatus.FAILED,
    "canceled": ReportedStatus.FAILED,
}


def verify(call: TextCall, auth_token: str) -> None:
    """Check the signature over the URL and the form. Raises UntrustedCall."""
    given = call.headers.get(_SIGNATURE)
    if not given or not auth_token:
        raise UntrustedCall
    urls = _spellings(call.url)
    for url in urls[:-1]:
        if hmac.compare_digest(given.encode(), _sign(url, call.body, auth_token).encode()):
            return
    require_equal(given, _sign(urls[-1], call.body, auth_token))


def _sign(url: str, body: bytes, auth_token: str) -> str:
    values = {*parse_qsl(body.decode(errors="replace"), keep_blank_values=True)}
    signed = url + "".join(name + value for name, value in sorted(values))
    return b64encode(hmac.digest(auth_token.encode(), signed.encode(), hashlib.sha1)).decode()


def _spellings(url: str) -> list[str]:
    """Return the URL with and without its port and the fragment of reports: Twilio does not always sign them."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = parts.port or _PORTS.get(parts.scheme, 443)
    found = [urlunsplit(parts._replace(netloc=place)) for place in (host, f"{host}:{port}")]
    return [*found, *(one + REPEAT_REPORTS for one in found)]


def read(call: TextCall) -> Iterator[Item]:
    """Yield the message or the report of a verified call. Raises UnreadableCall."""
    form = {name: values[0] for name, values in parse_qs(call.body.decode(errors="replace")).items()}
    provider_id = read_id(form.get("MessageSid") or form.get("SmsSid"))
    if form.get("MessageStatus", _RECEIVED) != _RECEIVED:
        yield from _report(form, provider_id, call.url)
    elif form.get("From"):
        yield _message(form, provider_id)
    else:
        raise UnreadableCall("From is missing.")


def _report(form: Mapping[str, str], provider_id: str, url: str) -> Iterator[StatusReport]:
    status = _STATUSES.get(form["MessageStatus"])
    if status is not None:
        named = parse_qs(urlsplit(url).query).get(MESSAGE_PARAMETER, [""])
        code = form.get("ErrorCode", "")
        yield StatusReport(
            provider_id,
            read_uuid(named[0]),
            status,
            code=int(code) if code.isdecimal() else None,
            words=form.get("ErrorMessage") or form["MessageStatus"],
        )


def _message(form: Mapping[str, str], provider_id: str) -> ReceivedText:
    sender = form["From"]
    files = int(form["NumMedia"]) if form.get("NumMedia", "").isdecimal() else 0
    return ReceivedText(
        provider_id,
        "whatsapp" if sender.startswith(WHATSAPP) else "sms",
        sender.removeprefix(WHATSAPP),
        form.get("Body", "")[:LONGEST_TEXT],
        clean_name(form.get("ProfileName")),
        tuple(
            Media(form.get(f"MediaContentType{number}", ""), form[f"MediaUrl{number}"])
            for number in range(min(files, MOST_MEDIA))
            if f"MediaUrl{number}" in form
        ),
    )
