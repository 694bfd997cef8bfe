"""What is kept so that a copy of the database does not show it: AES-256-GCM, bound to its place."""

import os
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.config import get_settings
from app.core.key_derivation import key_for

DERIVED: Final = "0"  # the name of the key that follows from SECRET_KEY, current where ENCRYPTION_KEYS names none
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class InvalidKeys(ValueError):
    """ENCRYPTION_KEYS cannot be read."""


class Unreadable(Exception):
    """It was sealed with a key that is not there, for another place, or was changed."""


def current_key() -> str:
    """The name of the key that is sealed with now."""
    return next(iter(_ciphers()))


def known_keys() -> Collection[str]:
    """The names of all keys that are here."""
    return _ciphers().keys()


def trusted_keys() -> Collection[str]:
    """The names of the keys that somebody gave us, and of the current one."""
    given = get_settings().encryption_keys.get_secret_value()
    return {*read_keys(given)} if given else {DERIVED}


def derived_key() -> bytes:
    """The one that follows from SECRET_KEY: to be named before that is changed."""
    return key_for("encryption")


def seal(plain: bytes, *, place: str) -> bytes:
    """Encrypt with the current key. `place` says where it is kept: moved elsewhere, it does not open."""
    name, cipher = next(iter(_ciphers().items()))
    nonce = os.urandom(_NONCE_BYTES)
    return name.encode() + b":" + nonce + cipher.encrypt(nonce, plain, place.encode())


def unseal(sealed: bytes, *, place: str) -> bytes:
    """What was sealed for this place, with whichever of the keys. Raises Unreadable."""
    name, _, rest = sealed.partition(b":")
    cipher = _ciphers().get(name.decode(errors="replace"))
    if cipher is None:
        raise Unreadable(f"no key {name!r}")
    try:
        return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError):
        raise Unreadable(place) from None


def place_of(table: str, column: str, *key: object) -> str:
    """Where a value is kept: for this column of the row with this key it is sealed, and opens nowhere else."""
    return f"{table}.{column}.{'.'.join(map(str, key))}"


def seal_json(value: Any, *, place: str) -> bytes:
    """Encrypt anything that JSON can say."""
    return seal(orjson.dumps(value), place=place)


def unseal_json(sealed: bytes, *, place: str) -> Any:
    """What `seal_json` was given. Raises Unreadable."""
    return orjson.loads(unseal(sealed, place=place))


def read_keys(text: str) -> Mapping[str, bytes]:
    """`new:BASE64,old:BASE64`, the current one first. Raises InvalidKeys."""
    keys: dict[str, bytes] = {}
    for entry in text.split(","):
        name, colon, encoded = entry.strip().partition(":")
        try:
            key = b64decode(encoded, validate=True)
        except NotBase64:
            key = b""
        if not (name.isalnum() and name.isascii() and colon) or name in keys or len(key) != _KEY_BYTES:
            raise InvalidKeys("ENCRYPTION_KEYS is a list `name:key`, each key 32 bytes in base64, each name once")
        keys[name] = key
    return keys


@lru_cache(maxsize=1)
def _ciphers() -> Mapping[str, AESGCM]:
    """The one that follows from SECRET_KEY comes last: what it has sealed before others were named still opens."""
    given = get_settings().encryption_keys.get_secret_value()
    keys = {**(read_keys(given) if given else {})}
    keys.setdefault(DERIVED, derived_key())
    return {name: AESGCM(key) for name, key in keys.items()}
