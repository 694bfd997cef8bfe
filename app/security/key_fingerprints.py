"""Fingerprints of this process's keys: they tell two keys apart, and reveal neither."""

import hashlib
import hmac
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from app.core.key_derivation import blind_index_keys, key_for
from app.security.encryption import DERIVED, configured_keys, current_key_name, derived_key
from app.security.key_verification import BLIND_INDEX_CHECK

SECRET: Final = "SECRET_KEY"  # noqa: S105  (its name)
BLIND_INDEX: Final = "BLIND_INDEX_KEY"
OTHER_BLIND_INDEX: Final = "OTHER_BLIND_INDEX_KEYS"
_DIGITS: Final = 16
_NEEDED: Final = text("SELECT name FROM key_checks WHERE retired_at IS NULL AND name <> :blind_index ORDER BY name")


class KeyRecord(NamedTuple):
    """A key, without its value. `is_needed`: data cannot be read or found without it."""

    name: str  # SECRET_KEY, BLIND_INDEX_KEY, or `encryption key NAME`
    fingerprint: str  # 16 hexadecimal digits
    is_needed: bool


def key_fingerprints() -> dict[str, str]:
    """Return the fingerprints of all keys of this process, by name."""
    encryption_keys = {DERIVED: derived_key(), **configured_keys()}
    blind_index, *others = blind_index_keys("fingerprint")
    return {
        SECRET: _fingerprint(key_for("fingerprint")),
        BLIND_INDEX: _fingerprint(blind_index),
        **{f"{OTHER_BLIND_INDEX} ({number})": _fingerprint(key) for number, key in enumerate(others, start=1)},
        **{_title(name): _fingerprint(key) for name, key in encryption_keys.items()},
    }


def data_keys() -> dict[str, str]:
    """Return the fingerprints of the keys that decrypt data or find rows, by name."""
    return {name: print_ for name, print_ in key_fingerprints().items() if name != SECRET}


def writing_keys() -> dict[str, str]:
    """Return the fingerprints of the keys with which this process writes, by name."""
    known = key_fingerprints()
    return {name: known[name] for name in (_title(current_key_name()), BLIND_INDEX)}


def key_records(connection: Connection) -> list[KeyRecord]:
    """Return the keys of this process, and which of them the data of this database needs."""
    needed = {BLIND_INDEX, *map(_title, connection.scalars(_NEEDED, {"blind_index": BLIND_INDEX_CHECK}))}
    return [KeyRecord(name, print_, name in needed) for name, print_ in key_fingerprints().items()]


def _title(name: str) -> str:
    return f"encryption key {name}" + (" (derived from SECRET_KEY)" if name == DERIVED else "")


def _fingerprint(key: bytes) -> str:
    return hmac.digest(key, b"relance key fingerprint", hashlib.sha256).hex()[:_DIGITS]
