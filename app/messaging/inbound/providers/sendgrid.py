"""SendGrid: Inbound Parse, and the event webhook. A password in the URL or a signature (ECDSA) authenticates."""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from app.messaging.inbound.models import Classification
from app.messaging.inbound.parsing.parse import Envelope
from app.messaging.inbound.providers.base import (
    Hook,
    Item,
    ProviderCall,
    ReceivedMail,
    UnreadableCall,
    UntrustedCall,
    event_id,
    read_json,
    rebuild,
    require_password,
    result_of_check,
    text_or_none,
)
from app.messaging.inbound.reports import MailEvent, classify_failure

_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_SIGNATURE_RESULT = re.compile(r":\s*([A-Za-z]{1,20})")
_LONGEST_RESULTS = 2000


def verify(call: ProviderCall, hook: Hook) -> None:
    """Check the signature of an event call, else the password. Raises UntrustedCall."""
    if hook.verification_key and _SIGNATURE in call.headers and call.body:
        _verify_signature(call, hook.verification_key)
    else:
        require_password(call, hook)


def read(call: ProviderCall) -> Iterator[Item]:
    """Yield the mails and events of a verified call. Raises UnreadableCall."""
    if call.form:
        yield _mail(call)
        return
    events = call.json()
    if not isinstance(events, list):
        raise UnreadableCall("The body is not a list of events.")
    for event in events:
        if isinstance(event, dict) and (kind := _kind(event)):
            yield MailEvent(
                event_id(event.get("sg_event_id"), event),
                kind,
                text_or_none(event.get("email")),
                text_or_none(event.get("status")) or text_or_none(event.get("type")),
                text_or_none(event.get("smtp-id")),
            )


def _verify_signature(call: ProviderCall, key_text: str) -> None:
    try:
        key = load_der_public_key(b64decode(key_text))
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise UntrustedCall
        signed = call.headers.get(_TIMESTAMP, "").encode() + call.body
        key.verify(b64decode(call.headers[_SIGNATURE]), signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, UnsupportedAlgorithm, NotBase64, ValueError):
        raise UntrustedCall from None


def _kind(event: dict[str, Any]) -> Classification | None:
    match event.get("event"):
        case "spamreport":
            return Classification.COMPLAINT
        case "deferred":
            return Classification.BOUNCE_DELAYED
        case "bounce" if event.get("type") == "blocked":
            return Classification.BOUNCE_SOFT
        case "bounce":
            return classify_failure(text_or_none(event.get("status")), str(event.get("reason", "")))
    return None


def _mail(call: ProviderCall) -> ReceivedMail:
    envelope = read_json(call.form.get("envelope", "{}"))
    if not isinstance(envelope, dict):
        raise UnreadableCall("envelope is not an object.")
    told = Envelope(text_or_none(envelope.get("from")), list(map(str, envelope.get("to") or ())))
    checks = {"spf": result_of_check(call.form.get("SPF")), "dkim": _dkim(call.form.get("dkim", ""))}
    if "email" in call.form:
        return ReceivedMail(call.form["email"].encode(), told, checks)
    pairs = [line.partition(": ") for line in call.form.get("headers", "").splitlines() if ": " in line]
    headers = [(name, value) for name, _, value in pairs if not name.startswith((" ", "\t"))]
    raw = rebuild(headers, (call.form.get("text", ""), call.form.get("html", "")), call.files)
    return ReceivedMail(raw, told, checks)


def _dkim(written: str) -> str:
    """Return the result of `{@lead.example : pass}`. Of several signatures, one that passes counts."""
    found = [result_of_check(result) for result in _SIGNATURE_RESULT.findall(written[:_LONGEST_RESULTS])]
    return "pass" if "pass" in found else next(iter(found), "none")
