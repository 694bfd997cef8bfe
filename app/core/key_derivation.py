"""Key derivation: one key for each purpose from SECRET_KEY, so that a signature for one purpose fails for another."""

import hashlib
import hmac
from functools import lru_cache

from app.config import get_settings


@lru_cache(maxsize=32)
def key_for(purpose: str) -> bytes:
    """Return the 32-byte key for a purpose, derived from SECRET_KEY (HMAC-SHA-256)."""
    return _key(get_settings().secret_key.get_secret_value(), purpose)


@lru_cache(maxsize=32)
def blind_index_key(purpose: str) -> bytes:
    """Return the 32-byte key for blind indexes, derived from BLIND_INDEX_KEY, or from SECRET_KEY if that is not set.

    Blind indexes stay in the database, so BLIND_INDEX_KEY does not change when SECRET_KEY does.
    """
    settings = get_settings()
    return _key((settings.blind_index_key or settings.secret_key).get_secret_value(), purpose)


def _key(secret: str, purpose: str) -> bytes:
    return hmac.digest(secret.encode(), f"relance {purpose}".encode(), hashlib.sha256)
