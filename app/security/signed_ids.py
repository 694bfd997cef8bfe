"""Signed ids: a row's id with its signature, for links and mail addresses that work without signing in.

The text has only the letters a to v and digits, and its case does not matter: mail servers may change the case of an
address. The key comes from BLIND_INDEX_KEY, because links in sent messages must outlive a change of SECRET_KEY.
"""

import hashlib
import hmac
from base64 import b32hexdecode, b32hexencode
from typing import Final
from uuid import UUID

from app.core.key_derivation import blind_index_key

LENGTH: Final = 42  # characters
_ID_BYTES: Final = 16
_SIGNATURE_BYTES: Final = 10  # 80 bits; with the id it fits into the local part of a mail address (64 characters)


class InvalidSignedId(ValueError):
    """The text is not an id that was signed for this purpose."""


def sign_id(purpose: str, row_id: UUID) -> str:
    """Return the id with its signature, 42 characters. A signature for one purpose fails for another."""
    return b32hexencode(row_id.bytes + _signature(purpose, row_id.bytes)).rstrip(b"=").decode().lower()


def read_signed_id(purpose: str, signed: str) -> UUID:
    """Return the id. Raises InvalidSignedId."""
    try:
        row_id = UUID(bytes=b32hexdecode(signed.upper() + "=" * (-len(signed) % 8))[:_ID_BYTES])
    except ValueError:
        raise InvalidSignedId(InvalidSignedId.__doc__) from None
    if not hmac.compare_digest(signed.lower().encode(), sign_id(purpose, row_id).encode()):
        raise InvalidSignedId(InvalidSignedId.__doc__)
    return row_id


def _signature(purpose: str, row_id: bytes) -> bytes:
    return hmac.digest(blind_index_key(f"signed id {purpose}"), row_id, hashlib.sha256)[:_SIGNATURE_BYTES]
