"""Mailgun: routes that forward mail, and webhooks for failures and complaints. Both are signed with an HMAC."""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import orjson

from app.clock import now
from app.messaging.inbound.models import Classification
from app.messaging.inbound.parsing.parse import Envelope
from app.messaging.inbound.providers.base import (
    Hook,
    Item,
    Nonce,
    ProviderCall,
    ReceivedMail,
    UnreadableCall,
    UntrustedCall,
    event_id,
    read_json,
    rebuild,
    result_of_check,
    text_or_none,
)
from app.messaging.inbound.reports import MailEvent, classify_failure

LONGEST_RETRY: Final = 12 * 3600  # seconds; Mailgun repeats a call for eight hours
AHEAD: Final = 600  # seconds by which its clock may be ahead
_CHECKS: Final = {"spf": "X-Mailgun-Spf", "dkim": "X-Mailgun-Dkim-Check-Result"}  # fields of the form
_DIGITS: Final = re.compile(r"[0-9]{1,12}")


def verify(call: ProviderCall, hook: Hook) -> None:
    """Check the HMAC over timestamp and token with the signing key, and the age. Raises UntrustedCall.

    The signature does not cover the content: see `nonce_of`.
    """
    given = _signature(call)
    signed = f"{given.get('timestamp', '')}{given.get('token', '')}".encode()
    expected = hmac.new((hook.secret or "").encode(), signed, hashlib.sha256).hexdigest()
    if not hook.secret or not hmac.compare_digest(expected.encode(), str(given.get("signature", "")).encode()):
        raise UntrustedCall
    timestamp = str(given.get("timestamp", ""))
    if not _DIGITS.fullmatch(timestamp) or not -AHEAD <= now().timestamp() - int(timestamp) <= LONGEST_RETRY:
        raise UntrustedCall


def nonce_of(call: ProviderCall) -> Nonce:
    """Return the token of the call and a hash of its content. The same token with other content is a forgery."""
    if not call.form:
        content = call.body
    else:
        files = [[file.name, hashlib.sha256(file.content).hexdigest()] for file in call.files]
        content = orjson.dumps([sorted(call.form.items()), files])
    token = hashlib.sha256(str(_signature(call).get("token", "")).encode()).hexdigest()
    return Nonce(token, hashlib.sha256(content).hexdigest())


def _signature(call: ProviderCall) -> Any:
    return call.form or _object(call.json()).get("signature") or {}


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
            event_id(event.get("id"), event),
            kind,
            text_or_none(event.get("recipient")),
            text_or_none(str(status.get("enhanced-code") or status.get("code") or "")),
            f"<{message_id.strip('<>')}>" if message_id else None,
        )


def _mail(call: ProviderCall) -> ReceivedMail:
    form = call.form
    envelope = Envelope(form.get("sender"), form.get("recipient", "").split(","))
    checks = {method: result_of_check(form.get(name)) for method, name in _CHECKS.items()}
    if "body-mime" in form:
        return ReceivedMail(form["body-mime"].encode(), envelope, checks)
    headers = read_json(form.get("message-headers", "[]"))
    if not isinstance(headers, list):
        raise UnreadableCall("message-headers is not a list.")
    pairs = [(str(one[0]), str(one[1])) for one in headers if isinstance(one, list) and len(one) > 1]
    # A sender may write such a header too. With two of them, nothing says which one is Mailgun's.
    names = Counter(name.lower() for name, _ in pairs)
    checks |= {method: "none" for method, name in _CHECKS.items() if names[name.lower()] > 1}
    raw = rebuild(pairs, (form.get("body-plain", ""), form.get("body-html", "")), call.files)
    return ReceivedMail(raw, envelope, checks)


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
