"""One secret, many keys: what is signed for one purpose proves nothing for another."""

import hashlib
import hmac
from functools import lru_cache

from app.config import get_settings


@lru_cache(maxsize=32)
def key_for(purpose: str) -> bytes:
    """32 bytes that follow from SECRET_KEY and the purpose, and from which neither can be told."""
    return _key(get_settings().secret_key.get_secret_value(), purpose)


@lru_cache(maxsize=32)
def mark_key_for(purpose: str) -> bytes:
    """The same for marks that stay in the database: from MARKS_KEY, which outlives a SECRET_KEY, where it is set."""
    settings = get_settings()
    return _key((settings.marks_key or settings.secret_key).get_secret_value(), purpose)


def _key(secret: str, purpose: str) -> bytes:
    return hmac.digest(secret.encode(), f"relance {purpose}".encode(), hashlib.sha256)
