"""Ids and secrets of the demo clinic's gateways. `relance seed` writes them, and the echo gateway reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.ops.embedded import CannotStart
from app.ops.stack.environment import home, read_private, write_private

PATHS: Final[Mapping[str, str]] = {"/messages": "messages", "/webhooks": "webhook"}  # path of a call → purpose


@dataclass(frozen=True, slots=True)
class Key:
    """Id and secret of one gateway."""

    gateway_id: str
    secret: str


def write_keys(keys: Mapping[str, Key]) -> None:
    """Store the keys by purpose, readable by their owner only."""
    parts = ((purpose, key) for purpose, key in keys.items())
    write_private(_file(), {purpose: f"{key.gateway_id} {key.secret}" for purpose, key in parts})


def read_key(purpose: str) -> Key | None:
    """Return the key of the gateway with this purpose. None: there is no demo clinic yet."""
    try:
        gateway_id, _, secret = read_private(_file()).get(purpose, "").partition(" ")
    except CannotStart:
        return None
    return Key(gateway_id, secret) if secret else None


def _file() -> Path:
    return home() / "echo.json"
