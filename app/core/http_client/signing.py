"""Webhook signatures (Standard Webhooks): the receiver verifies the sender and the age of a call.

`webhook-id` is the same for every attempt of a call. `webhook-timestamp` is the time of the attempt (Unix seconds).
`webhook-signature` has one or more `v1,BASE64`: HMAC-SHA256 of `id.timestamp.body`. Keys have the form `whsec_BASE64`.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX: Final = "whsec_"
TOLERANCE: Final = timedelta(minutes=5)
LONGEST_ID: Final = 200
SECRET_OVERLAP: Final = timedelta(days=1)

_KEY_BYTES: Final = 32


class RotatedSecret(Protocol):
    """A secret that can be rotated: the previous one stays valid for SECRET_OVERLAP."""

    @property
    def secret(self) -> str: ...
    @property
    def previous_secret(self) -> str | None: ...
    @property
    def rotated_at(self) -> datetime | None: ...


class WrongSignature(ValueError):
    """The signature is missing, made with another secret, or too old."""


def new_secret() -> str:
    """Return a new secret of 256 random bits, as `whsec_BASE64`."""
    return PREFIX + b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def valid_secrets(of: RotatedSecret, *, at: datetime) -> tuple[str, ...]:
    """Return the secrets that are valid at that time, the newest first."""
    overlaps = of.rotated_at is not None and at < of.rotated_at + SECRET_OVERLAP
    return (of.secret, of.previous_secret) if overlaps and of.previous_secret is not None else (of.secret,)


def sign(keys: Iterable[str], call_id: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """Return the three headers, with one signature per key, so that a receiver may know either during a rotation."""
    timestamp = str(int(at.timestamp()))
    signatures = " ".join(f"v1,{_signature(key, call_id, timestamp, body)}" for key in keys)
    return {ID: call_id, TIMESTAMP: timestamp, SIGNATURE: signatures}


def verify(keys: Iterable[str], headers: Mapping[str, str], body: bytes, *, now: datetime) -> str:
    """Return the id of a call that was signed with one of these keys within TOLERANCE. Raises WrongSignature."""
    call_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not 0 < len(call_id) <= LONGEST_ID or not call_id.isprintable() or not call_id.isascii():
        raise WrongSignature(f"{ID} is missing")
    if not _is_recent(timestamp, now):
        raise WrongSignature(f"{TIMESTAMP} is not of the last {TOLERANCE.total_seconds() / 60:.0f} minutes")
    given = [part.removeprefix("v1,").encode() for part in headers.get(SIGNATURE, "").split() if part.startswith("v1,")]
    right = [_signature(key, call_id, timestamp, body).encode() for key in keys]
    if not any(hmac.compare_digest(one, other) for one in given for other in right):
        raise WrongSignature(f"{SIGNATURE} does not fit")
    return call_id


def _is_recent(timestamp: str, now: datetime) -> bool:
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > len("9999999999"):
        return False
    return abs(now.timestamp() - int(timestamp)) <= TOLERANCE.total_seconds()


def _signature(key: str, call_id: str, timestamp: str, body: bytes) -> str:
    secret = b64decode(key.removeprefix(PREFIX))
    return b64encode(hmac.digest(secret, f"{call_id}.{timestamp}.".encode() + body, hashlib.sha256)).decode()
