"""`web_push` channel: a notice to a browser of a user (RFC 8030), encrypted for that browser (RFC 8291)."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

import http_ece
import orjson
from cryptography.hazmat.primitives.asymmetric import ec

from app.core.http_client.client import Response
from app.messaging.channels import vapid
from app.messaging.channels.base import (
    Channel,
    Destination,
    ForUsers,
    OutgoingMessage,
    Permanent,
    Receipt,
    Transient,
    Unknown,
)
from app.messaging.channels.gateway_client import to_receipt
from app.messaging.channels.provider_call import post
from app.messaging.rendering.safe_text import one_line, shortened

TIME_TO_LIVE: Final = timedelta(days=1)  # how long the push service keeps a notice for a browser that is offline
MAX_TITLE, MAX_BODY = 120, 1000  # characters; a push service takes 4 KB
GONE: Final = frozenset({404, 410})
AUTH_BYTES, POINT_BYTES = 16, 65
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,100}=?=?", re.ASCII)


class BadSubscription(ValueError):
    """The keys of the subscription are invalid."""


def send(message: OutgoingMessage) -> Receipt:
    """Make one delivery attempt. A repeated one replaces the notice in the browser, so it is safe."""
    destination = message.destination
    if destination is None:
        return Permanent("the destination is gone")
    try:
        body = encrypt(payload(message), destination)
    except BadSubscription as error:
        return Permanent(str(error))
    answer = post(destination.url, body, _headers(message, destination), called="destination")
    if not isinstance(answer, Response):
        return Transient(answer.response) if isinstance(answer, Unknown) else answer
    receipt = to_receipt(answer, None)
    return replace(receipt, is_gone=True) if isinstance(receipt, Permanent) and answer.status in GONE else receipt


def payload(message: OutgoingMessage) -> bytes:
    """Return what the service worker of the browser gets. `tag` is the same at each attempt."""
    shown = {
        "title": shortened(one_line(message.subject), MAX_TITLE),
        "body": shortened(message.body, MAX_BODY),
        "url": message.link,
        "tag": message.message_id,
    }
    return orjson.dumps(shown)


def encrypt(content: bytes, destination: Destination) -> bytes:
    """Encrypt for the browser with the subscription's keys and a new key pair. Raises BadSubscription."""
    point, secret = read_keys(destination.p256dh, destination.auth)
    own_key = ec.generate_private_key(ec.SECP256R1())
    encrypted: bytes = http_ece.encrypt(content, private_key=own_key, dh=point, auth_secret=secret, version="aes128gcm")
    return encrypted


def read_keys(p256dh: str | None, auth: str | None) -> tuple[bytes, bytes]:
    """Return the public key and the secret of a subscription, decoded from base64url. Raises BadSubscription."""
    point, secret = _decoded(p256dh), _decoded(auth)
    if len(secret) != AUTH_BYTES:
        raise BadSubscription("auth: It must be 16 bytes in base64url.")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise BadSubscription("p256dh: It must be a point of P-256 in base64url.") from None
    return point, secret


def _headers(message: OutgoingMessage, destination: Destination) -> Mapping[str, str]:
    return {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(int(TIME_TO_LIVE.total_seconds())),
        "Urgency": "high" if message.link else "normal",  # a notice about a lead is awaited
        **vapid.authorization(destination.url),
    }


def _decoded(text: str | None) -> bytes:
    """Decode base64url with or without its padding; other text is empty."""
    if text is None or not _KEY.fullmatch(text):
        return b""
    plain = text.rstrip("=")
    try:
        return urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except ValueError:
        return b""


def interrupted(_: OutgoingMessage, error: str) -> Receipt:
    """Return Transient: the browser replaces a notice that arrived by the repeated one."""
    return Transient(error)


CHANNEL: Final = Channel(
    name="web_push",
    label="by web push",
    send=send,
    for_users=ForUsers(has_destinations=True),
    message_id=str,
    interrupted=interrupted,
)
