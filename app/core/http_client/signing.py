"""Signatures of the Standard Webhooks scheme: who gets a call can tell that it is ours, and new; and we theirs.

`webhook-id` is the same each time a call is sent, `webhook-timestamp` (seconds) is when, and `webhook-signature` holds
one or more of `v1,BASE64`, the HMAC-SHA256 of `id.timestamp.body` with a key that is written `whsec_BASE64`.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX: Final = "whsec_"
TOLERANCE: Final = timedelta(minutes=5)
LONGEST_ID: Final = 200

_KEY_BYTES: Final = 32


class WrongSignature(ValueError):
    """It is not signed, with another secret, or too long ago."""


def new_secret() -> str:
    """A secret of 256 random bits."""
    return PREFIX + b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def sign(keys: Iterable[str], call_id: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """The three headers; a signature for each secret, so that either may be the one that the other side knows."""
    timestamp = str(int(at.timestamp()))
    signatures = " ".join(f"v1,{_signature(key, call_id, timestamp, body)}" for key in keys)
    return {ID: call_id, TIMESTAMP: timestamp, SIGNATURE: signatures}


def verify(keys: Iterable[str], headers: Mapping[str, str], body: bytes, *, now: datetime) -> str:
    """The id of a call that was signed with one of these secrets in the last minutes. Raises WrongSignature."""
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
