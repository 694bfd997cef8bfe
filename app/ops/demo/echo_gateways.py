"""Gateways of the demo clinic that lead to the local echo gateway."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.messaging.gateways.models import Gateway, GatewayPurpose
from app.messaging.gateways.service import change_gateway, create_gateway
from app.ops.echo.keys import PATHS, Key, write_keys
from app.ops.embedded.ports import LOOPBACK

NAMES: Final[Mapping[str, str]] = {GatewayPurpose.MESSAGES: "echo", GatewayPurpose.WEBHOOK: "echo-webhook"}


def connect_echo_gateways(session: Session, clinic_id: UUID, port: int) -> None:
    """Create the gateways of the echo gateway, or give them its present port. Write their keys for it."""
    keys = {}
    for path, purpose in PATHS.items():
        gateway = _gateway(session, clinic_id, purpose, f"http://{LOOPBACK}:{port}{path}")
        keys[purpose] = Key(str(gateway.id), gateway.secret)
    write_keys(keys)


def _gateway(session: Session, clinic_id: UUID, purpose: str, url: str) -> Gateway:
    name = NAMES[purpose]
    known = session.scalars(select(Gateway).where(Gateway.clinic_id == clinic_id, Gateway.name == name)).one_or_none()
    if known is None:
        new = {"name": name, "purpose": purpose, "url": url, "idempotent": True, "is_active": True}
        return create_gateway(session, clinic_id, new)
    return known if known.url == url else change_gateway(session, clinic_id, known.id, {"url": url})
