"""Fixture `secrets`: to be a process that was started with other secrets.

secrets(ENCRYPTION_KEYS=key("new"), BLIND_INDEX_KEY=ANOTHER)      # with these, and none of the others
secrets()                                                   # as at first
"""

import os
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from app.config import get_settings
from app.core import key_derivation
from app.security import encryption

FIRST = os.environ["SECRET_KEY"]
ANOTHER = "another secret, thirty-two characters or more"


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Call it with secrets by their names, to be a process that was started with those and no others."""

    def use(**given: str) -> None:
        for name in ("ENCRYPTION_KEYS", "BLIND_INDEX_KEY", "OTHER_BLIND_INDEX_KEYS", "MARKS_KEY"):
            monkeypatch.delenv(name, raising=False)
        for name, secret in {"SECRET_KEY": FIRST, **given}.items():
            monkeypatch.setenv(name, secret)
        _forget()

    yield use
    monkeypatch.undo()
    _forget()


def key(name: str) -> str:
    """Return a new encryption key in the format of ENCRYPTION_KEYS."""
    return f"{name}:{b64encode(os.urandom(32)).decode()}"


def _forget() -> None:
    for cached in (get_settings, encryption._ciphers, key_derivation.key_for, key_derivation.blind_index_keys):
        cached.cache_clear()
