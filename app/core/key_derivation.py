"""Key derivation: one key for each purpose from SECRET_KEY, so that a signature for one purpose fails for another."""

import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache

from app.config import get_settings


@lru_cache(maxsize=32)
def key_for(purpose: str) -> bytes:
    """Return the 32-byte key for a purpose, derived from SECRET_KEY (HMAC-SHA-256)."""
    return _key(get_settings().secret_key.get_secret_value(), purpose)


def blind_index_key(purpose: str) -> bytes:
    """Return the 32-byte key for blind indexes, derived from BLIND_INDEX_KEY, or from SECRET_KEY if that is not set.

    Blind indexes stay in the database, so BLIND_INDEX_KEY does not change when SECRET_KEY does.
    """
    return blind_index_keys(purpose)[0]


@lru_cache(maxsize=32)
def blind_index_keys(purpose: str) -> Sequence[bytes]:
    """Return `blind_index_key`, then the keys from OTHER_BLIND_INDEX_KEYS, by which rows are found as well."""
    settings = get_settings()
    secret = (settings.blind_index_key or settings.secret_key).get_secret_value()
    return [_key(one, purpose) for one in dict.fromkeys([secret, *settings.other_blind_index_secrets])]


def has_other_blind_index_keys() -> bool:
    """Whether rows may have blind indexes by another key than the current one."""
    return len(blind_index_keys("")) > 1


def _key(secret: str, purpose: str) -> bytes:
    return hmac.digest(secret.encode(), f"relance {purpose}".encode(), hashlib.sha256)
