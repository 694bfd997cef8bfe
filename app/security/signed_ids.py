"""Signed ids: a row's id with its signature, for links and mail addresses that work without signing in.

The text has only the letters a to v and digits, and its case does not matter: mail servers may change the case of an
address. The key comes from BLIND_INDEX_KEY, because links in sent messages must outlive a change of SECRET_KEY.
"""

import hashlib
import hmac
from base64 import b32hexdecode, b32hexencode
from typing import Final
from uuid import UUID

from app.core.key_derivation import blind_index_key, blind_index_keys

LENGTH: Final = 42  # characters
_ID_BYTES: Final = 16
_SIGNATURE_BYTES: Final = 10  # 80 bits; with the id it fits into the local part of a mail address (64 characters)


class InvalidSignedId(ValueError):
    """The text is not an id that was signed for this purpose."""


def sign_id(purpose: str, row_id: UUID) -> str:
    """Return the id with its signature, 42 characters. A signature for one purpose fails for another."""
    return _signed(blind_index_key(_key_purpose(purpose)), row_id)


def read_signed_id(purpose: str, signed: str) -> UUID:
    """Return the id. Raises InvalidSignedId."""
    try:
        row_id = UUID(bytes=b32hexdecode(signed.upper() + "=" * (-len(signed) % 8))[:_ID_BYTES])
    except ValueError:
        raise InvalidSignedId(InvalidSignedId.__doc__) from None
    keys = blind_index_keys(_key_purpose(purpose))  # a link may be of before a change of BLIND_INDEX_KEY
    if not any(hmac.compare_digest(signed.lower().encode(), _signed(key, row_id).encode()) for key in keys):
        raise InvalidSignedId(InvalidSignedId.__doc__)
    return row_id


def _key_purpose(purpose: str) -> str:
    return f"signed id {purpose}"


def _signed(key: bytes, row_id: UUID) -> str:
    signature = hmac.digest(key, row_id.bytes, hashlib.sha256)[:_SIGNATURE_BYTES]
    return b32hexencode(row_id.bytes + signature).rstrip(b"=").decode().lower()
