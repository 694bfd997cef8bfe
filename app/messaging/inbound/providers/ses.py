"""Amazon SES by SNS: mail that was received, bounces and complaints. SNS signs each call with a certificate."""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from app.core.http_client.client import NoResponse, NotSent, get
from app.core.http_client.targets import NotAllowed
from app.messaging.inbound.models import Classification
from app.messaging.inbound.parsing.parse import Envelope
from app.messaging.inbound.providers.base import (
    Confirmation,
    Hook,
    Item,
    ProviderCall,
    ReceivedMail,
    UnreadableCall,
    UntrustedCall,
    event_id,
    read_json,
    result_of_check,
    text_or_none,
)
from app.messaging.inbound.reports import RELANCE_ID_HEADER, MailEvent, classify_failure

_AWS: Final = re.compile(r"https://sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?/[\x21-\x7e]{1,1000}")
_CERTIFICATE: Final = re.compile(
    r"https://sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?/SimpleNotificationService-[A-Za-z0-9]{1,100}\.pem"
)
_SIGNED: Final[Mapping[str, tuple[str, ...]]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_TIMEOUT: Final = 5.0  # seconds
_MOST_CERTIFICATES: Final = 20
# Certificates by URL. AWS changes them about once a year.
certificates: Final[dict[str, x509.Certificate]] = {}


def verify(call: ProviderCall, hook: Hook) -> None:
    """Check topic and signature. It may fetch the certificate, so no transaction is open. Raises UntrustedCall."""
    message = _message(call)
    fields = _SIGNED.get(str(message.get("Type")))
    if fields is None or not hook.topic or message.get("TopicArn") != hook.topic:
        raise UntrustedCall
    signed = "".join(f"{name}\n{message[name]}\n" for name in fields if message.get(name) is not None)
    digest = hashes.SHA256() if message.get("SignatureVersion") == "2" else hashes.SHA1()  # noqa: S303  (version 1)
    try:
        signature = b64decode(str(message.get("Signature")), validate=True)
        key = _certificate(str(message.get("SigningCertURL"))).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise UntrustedCall
        key.verify(signature, signed.encode(), padding.PKCS1v15(), digest)
    except (InvalidSignature, ValueError):
        raise UntrustedCall from None


def read(call: ProviderCall) -> Iterator[Item]:
    """Yield the mails and events of a verified call. Raises UnreadableCall."""
    message = _message(call)
    if message["Type"] == "SubscriptionConfirmation":
        url = str(message.get("SubscribeURL"))
        if not _AWS.fullmatch(url):
            raise UnreadableCall("SubscribeURL is not one of SNS.")
        yield Confirmation(url)
        return
    content = read_json(str(message.get("Message")))
    if not isinstance(content, dict):
        raise UnreadableCall("Message is not an object.")
    match content.get("notificationType", content.get("eventType")):
        case "Received":
            yield _mail(content)
        case "Bounce" | "Complaint" as kind:
            yield from _events(content, kind, event_id(message.get("MessageId"), content))


def confirm(url: str) -> None:
    """Confirm the subscription. No transaction is open meanwhile. SNS asks again if it fails."""
    get(url, timeout=_TIMEOUT)


def _certificate(url: str) -> x509.Certificate:
    """Return the certificate at the URL, which is one of AWS. Raises UntrustedCall, ValueError (no certificate)."""
    if not _CERTIFICATE.fullmatch(url):
        raise UntrustedCall
    if url not in certificates:
        try:
            answer = get(url, timeout=_TIMEOUT)
        except (NotAllowed, NotSent, NoResponse):
            raise UntrustedCall from None
        fetched = x509.load_pem_x509_certificate(answer.body)
        if len(certificates) >= _MOST_CERTIFICATES:
            certificates.clear()
        certificates[url] = fetched
    return certificates[url]


def _message(call: ProviderCall) -> dict[str, Any]:
    message = call.json()
    if not isinstance(message, dict):
        raise UnreadableCall("The body is not an object.")
    return message


def _mail(content: dict[str, Any]) -> ReceivedMail:
    receipt, mail = content.get("receipt") or {}, content.get("mail") or {}
    raw = content.get("content")
    if not isinstance(raw, str) or not isinstance(receipt, dict) or not isinstance(mail, dict):
        raise UnreadableCall("The notification has no content: let the SNS action include it.")
    action = receipt.get("action") or {}
    decoded = b64decode(raw) if action.get("encoding") == "BASE64" else raw.encode()
    envelope = Envelope(text_or_none(mail.get("source")), list(map(str, receipt.get("recipients") or [])))
    return ReceivedMail(decoded, envelope, {method: _check(receipt, method) for method in ("dmarc", "spf", "dkim")})


def _check(receipt: dict[str, Any], method: str) -> str:
    """Return a verdict of SES, which stands beside the mail in the signed call. GRAY means that there is no result."""
    verdict = receipt.get(f"{method}Verdict")
    status = verdict.get("status") if isinstance(verdict, dict) else None
    return "temperror" if status == "PROCESSING_FAILED" else result_of_check(status)


def _events(content: dict[str, Any], kind: str, id_: str) -> Iterator[MailEvent]:
    about = content.get(kind.lower()) or {}
    headers = {str(one.get("name")).lower(): one.get("value") for one in content.get("mail", {}).get("headers") or ()}
    for i, one in enumerate(about.get("bouncedRecipients") or about.get("complainedRecipients") or ()):
        yield MailEvent(
            f"{id_}:{i}",
            _kind(kind, about, one),
            text_or_none(one.get("emailAddress")),
            text_or_none(one.get("status")) or text_or_none(about.get("bounceSubType")),
            text_or_none(headers.get("message-id")),
            text_or_none(headers.get(RELANCE_ID_HEADER.lower())),
        )


def _kind(kind: str, about: dict[str, Any], recipient: dict[str, Any]) -> Classification:
    if kind == "Complaint":
        return Classification.COMPLAINT
    if about.get("bounceType") != "Permanent":
        return Classification.BOUNCE_SOFT
    if about.get("bounceSubType") in ("NoEmail", "General", "OnAccountSuppressionList", "Suppressed"):
        return Classification.BOUNCE_HARD
    return classify_failure(text_or_none(recipient.get("status")), str(recipient.get("diagnosticCode", "")))
