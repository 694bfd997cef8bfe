"""Encryption at rest: AES-256-GCM, each value bound to its context (table, column and row)."""

import os
from base64 import b64encode
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.config import KEY_BYTES, get_settings, parse_keys
from app.core.key_derivation import key_for

DERIVED: Final = "0"  # name of the key derived from SECRET_KEY; the current key if ENCRYPTION_KEYS is empty
_NONCE_BYTES: Final = 12

# Names of keys that `decrypt` lacked. A call of the API sets it: it must not end as if the values did not exist.
lacking: ContextVar[set[str] | None] = ContextVar("lacking", default=None)


class DecryptionError(Exception):
    """The value cannot be decrypted: its key is missing, its context is another one, or it was changed."""


class MissingKey(DecryptionError):
    """The value was encrypted with a key that this process does not have. `key` is its name."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no key {key!r}")
        self.key = key


def current_key_name() -> str:
    """Return the name of the key that encrypts new values."""
    return next(iter(_ciphers()))


def known_key_names() -> Collection[str]:
    """Return the names of all keys of this process."""
    return _ciphers().keys()


def configured_keys() -> Mapping[str, bytes]:
    """Return the keys in ENCRYPTION_KEYS by name, the current one first; without any, the derived key."""
    given = get_settings().encryption_keys.get_secret_value()
    return parse_keys(given) if given else {DERIVED: derived_key()}


def derived_key() -> bytes:
    """Return the key derived from SECRET_KEY. Add it to ENCRYPTION_KEYS before you change SECRET_KEY."""
    return key_for("encryption")


def encrypt(plain: bytes, *, context: str) -> bytes:
    """Encrypt with the current key. The result decrypts only with the same `context` (associated data)."""
    name, cipher = next(iter(_ciphers().items()))
    nonce = os.urandom(_NONCE_BYTES)
    return name.encode() + b":" + nonce + cipher.encrypt(nonce, plain, context.encode())


def decrypt(sealed: bytes, *, context: str) -> bytes:
    """Decrypt a value of this context with the key that it names. Raises DecryptionError, MissingKey."""
    before, _, rest = sealed.partition(b":")
    name = before.decode(errors="replace")
    cipher = _ciphers().get(name)
    if cipher is None:
        if (names := lacking.get()) is not None:
            names.add(name)
        raise MissingKey(name)
    try:
        return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError):
        raise DecryptionError(context) from None


def encryption_context(table: str, column: str, *key: object) -> str:
    """Return the context of a value: table, column and primary key. In another row it does not decrypt."""
    return f"{table}.{column}.{'.'.join(map(str, key))}"


def encrypt_json(value: object, *, context: str) -> bytes:
    """Encrypt a JSON value."""
    return encrypt(orjson.dumps(value), context=context)


def decrypt_json(sealed: bytes, *, context: str) -> Any:
    """Decrypt a value of `encrypt_json`. Raises DecryptionError."""
    return orjson.loads(decrypt(sealed, context=context))


def format_keys(keys: Mapping[str, bytes]) -> str:
    """Return keys as the text that `parse_keys` reads."""
    return ",".join(f"{name}:{b64encode(key).decode()}" for name, key in keys.items())


def new_key() -> bytes:
    """Return a random key."""
    return os.urandom(KEY_BYTES)


@lru_cache(maxsize=1)
def _ciphers() -> Mapping[str, AESGCM]:
    """The key derived from SECRET_KEY comes last, so that values from before ENCRYPTION_KEYS was set still decrypt."""
    keys = {**configured_keys()}
    keys.setdefault(DERIVED, derived_key())
    return {name: AESGCM(key) for name, key in keys.items()}
