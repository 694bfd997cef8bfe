"""Warnings about definitions whose messages or webhooks have no gateway in the clinic."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.core.validation.json_pointer import pointer
from app.engine.models import Kind
from app.messaging.channels.registry import CHANNELS
from app.messaging.gateways.choice import GatewayChoice, choose_gateway, why_none
from app.messaging.gateways.models import Gateway

_CHOICE = (Gateway.name, Gateway.purpose, Gateway.is_active, Gateway.is_default)


class GatewayUse(NamedTuple):
    """A place in a definition that uses a gateway, as a JSON pointer, and the gateway's name. None: the default."""

    pointer: str
    name: str | None


def load_choices(session: Session, clinic_id: UUID) -> Sequence[GatewayChoice]:
    """Return the clinic's gateways, without their secrets."""
    return session.execute(select(*_CHOICE).where(Gateway.clinic_id == clinic_id).order_by(Gateway.name)).all()


def gateway_warnings(gateways: Sequence[GatewayChoice], definition: object, *, place: str = "") -> list[JsonDict]:
    """Return `pointer` and `message` for each message and webhook of a definition that has no gateway."""
    return [
        {"pointer": use.pointer, "message": why_none(gateways, use.name)}
        for use in gateway_uses(definition, place)
        if choose_gateway(gateways, use.name) is None
    ]


def gateway_uses(part: object, place: str = "") -> Iterator[GatewayUse]:
    """Yield the messages and webhooks in a rule, sequence or playbook that go through a gateway."""
    if isinstance(part, list):
        for index, item in enumerate(part):
            yield from gateway_uses(item, place + pointer(index))
    elif isinstance(part, dict):
        for key, value in part.items():
            if _goes_through_gateway(key, value):
                yield GatewayUse(place + pointer(key), value.get("gateway"))
            else:
                yield from gateway_uses(value, place + pointer(key))


def _goes_through_gateway(key: str, value: object) -> bool:
    if not isinstance(value, dict):
        return False
    is_message = key == Kind.SEND_MESSAGE and CHANNELS.needs_gateway(value.get("channel"))
    return is_message or (key == Kind.CALL_WEBHOOK and "gateway" in value)
