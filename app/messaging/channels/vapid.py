"""The key pair of this installation for web push (VAPID, RFC 8292), and the signature of a call.

The private key is derived from BLIND_INDEX_KEY (else SECRET_KEY). Changing that key ends all subscriptions.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parseaddr
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from app.clock import now
from app.config import get_settings
from app.core.http_client.targets import NotAllowed, names_public_host, parse_target
from app.core.key_derivation import blind_index_key

LIFETIME: Final = timedelta(hours=12)  # push services take at most 24 hours

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of the curve P-256


def public_key() -> str:
    """Return the public key in base64url, as a browser wants it (`applicationServerKey`)."""
    return _encoded(_keys().public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def authorization(endpoint: str) -> Mapping[str, str]:
    """Return the `Authorization` header of a call to this endpoint."""
    place = urlsplit(endpoint)
    claims = {
        "aud": f"{place.scheme}://{place.netloc}",
        "exp": int((now() + LIFETIME).timestamp()),
        "sub": subject(),
    }
    signed: Mapping[str, str] = _keys().sign(claims)
    return signed


def subject() -> str:
    """Return the contact of this installation: PUBLIC_URL if it is public, else the address in MAIL_FROM.

    Push services refuse tokens with a local address.
    """
    settings = get_settings()
    try:
        target = parse_target(settings.own_url)
    except NotAllowed:
        target = None
    if target is not None and target.scheme == "https" and names_public_host(target):
        return f"https://{urlsplit(settings.own_url).netloc}"
    return f"mailto:{parseaddr(settings.mail_from)[1]}"


@lru_cache(maxsize=4)
def _keys_of(secret: bytes) -> Vapid02:
    number = int.from_bytes(secret) % (_ORDER - 1) + 1
    return Vapid02.from_raw(_encoded(number.to_bytes(32)).encode())


def _keys() -> Vapid02:
    return _keys_of(blind_index_key("web push"))


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
