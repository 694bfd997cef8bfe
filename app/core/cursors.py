"""Signed cursors of keyset pagination."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from app.core.key_derivation import key_for
from app.errors import Invalid

LONGEST_CURSOR: Final = 1000
_SIGNATURE_BYTES: Final = 12

_PARSERS: Mapping[type, Callable[[Any], Any]] = {
    UUID: UUID,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
}


def write_cursor(order: str, values: Sequence[object]) -> str:
    """Encode and sign the key values of the last row of a page, as URL-safe text. `order` names the sort order."""
    plain = [value.isoformat() if isinstance(value, date) else _plain(value) for value in values]
    payload = json.dumps(plain, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sign(order, payload) + payload).rstrip(b"=").decode()


def read_cursor(order: str, types: Sequence[type], cursor: str) -> list[object]:
    """Return the key values of a cursor. Raises Invalid unless it was signed for this sort order."""
    try:
        signed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise _invalid_cursor() from None
    signature, payload = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _sign(order, payload)):
        raise _invalid_cursor()
    return [_PARSERS.get(kind, kind)(value) for kind, value in zip(types, json.loads(payload), strict=True)]


def _plain(value: object) -> Any:
    return value if isinstance(value, int | str) else str(value)


def _sign(order: str, payload: bytes) -> bytes:
    signature = hmac.digest(key_for("cursor"), order.encode() + b"\0" + payload, hashlib.sha256)
    return signature[:_SIGNATURE_BYTES]


def _invalid_cursor() -> Invalid:
    return Invalid.at("/cursor", "Not a cursor of this list.")
