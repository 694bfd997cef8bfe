"""Mailgun: routes that forward mail, and webhooks for failures and complaints. Both are signed with an HMAC."""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

from app.messaging.inbound.models import Classification
from app.messaging.inbound.parse import Envelope
from app.messaging.inbound.providers.base import (
    Hook,
    Item,
    ProviderCall,
    ReceivedMail,
    UnreadableCall,
    UntrustedCall,
    read_json,
    rebuild,
    text_or_none,
)
from app.messaging.inbound.reports import MailEvent, classify_failure


def verify(call: ProviderCall, hook: Hook) -> None:
    """Check the HMAC over timestamp and token with the signing key. Raises UntrustedCall."""
    given: Any = call.form or _object(call.json()).get("signature") or {}
    signed = f"{given.get('timestamp', '')}{given.get('token', '')}".encode()
    expected = hmac.new((hook.secret or "").encode(), signed, hashlib.sha256).hexdigest()
    if not hook.secret or not hmac.compare_digest(expected.encode(), str(given.get("signature", "")).encode()):
        raise UntrustedCall


def read(call: ProviderCall) -> Iterator[Item]:
    """Yield the mails and events of a verified call. Raises UnreadableCall."""
    if call.form:
        yield _mail(call)
        return
    event = _object(_object(call.json()).get("event-data"))
    kind = _kind(event)
    if kind is not None:
        status = _object(event.get("delivery-status") or {})
        headers = _object(_object(event.get("message") or {}).get("headers") or {})
        message_id = text_or_none(headers.get("message-id"))
        yield MailEvent(
            str(event.get("id")),
            kind,
            text_or_none(event.get("recipient")),
            text_or_none(str(status.get("enhanced-code") or status.get("code") or "")),
            f"<{message_id.strip('<>')}>" if message_id else None,
        )


def _mail(call: ProviderCall) -> ReceivedMail:
    form = call.form
    envelope = Envelope(form.get("sender"), form.get("recipient", "").split(","))
    if "body-mime" in form:
        return ReceivedMail(form["body-mime"].encode(), envelope)
    headers = read_json(form.get("message-headers", "[]"))
    if not isinstance(headers, list):
        raise UnreadableCall("message-headers is not a list.")
    pairs = [(str(one[0]), str(one[1])) for one in headers if isinstance(one, list) and len(one) > 1]
    return ReceivedMail(rebuild(pairs, (form.get("body-plain", ""), form.get("body-html", "")), call.files), envelope)


def _kind(event: dict[str, Any]) -> Classification | None:
    if event.get("event") == "complained":
        return Classification.COMPLAINT
    if event.get("event") != "failed":
        return None
    if event.get("severity") != "permanent":
        return Classification.BOUNCE_DELAYED  # Mailgun still tries
    status = _object(event.get("delivery-status") or {})
    words = f"{status.get('code', '')} {status.get('message', '')} {status.get('description', '')}"
    return classify_failure(text_or_none(status.get("enhanced-code")), words)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnreadableCall("The body is not in the form of Mailgun.")
    return value
