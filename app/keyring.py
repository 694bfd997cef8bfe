"""One secret, many keys: what is signed for one purpose proves nothing for another."""

import hashlib
import hmac
from functools import lru_cache

from app.config import get_settings


@lru_cache(maxsize=32)
def key_for(purpose: str) -> bytes:
    """32 bytes that follow from SECRET_KEY and the purpose, and from which neither can be told."""
    secret = get_settings().secret_key.get_secret_value().encode()
    return hmac.digest(secret, f"relance {purpose}".encode(), hashlib.sha256)
