"""Warnings about definitions whose messages or webhooks have no gateway or sending account in the clinic."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.core.validation.json_pointer import pointer
from app.engine.models import Kind
from app.messaging.channels.registry import CHANNELS
from app.messaging.gateways import choice
from app.messaging.gateways.choice import GatewayChoice, choose_gateway
from app.messaging.gateways.models import Gateway
from app.messaging.sending_accounts.choice import AccountChoice, choose_account
from app.messaging.sending_accounts.choice import why_none as why_no_account
from app.messaging.sending_accounts.directory import list_accounts_of

_CHOICE = (Gateway.name, Gateway.purpose, Gateway.is_active, Gateway.is_default)


class SenderChoices(NamedTuple):
    """The gateways and sending accounts of a clinic."""

    gateways: Sequence[GatewayChoice]
    accounts: Sequence[AccountChoice]


class GatewayUse(NamedTuple):
    """A place in a definition that uses a gateway, as a JSON pointer, and the gateway's name. None: the default."""

    pointer: str
    name: str | None


class AccountUse(NamedTuple):
    """A place in a definition that uses a sending account, its channel, and the account's name. None: the default."""

    pointer: str
    channel: str
    name: str | None


def load_choices(session: Session, clinic_id: UUID) -> SenderChoices:
    """Return the clinic's gateways and sending accounts, without their secrets."""
    gateways = session.execute(select(*_CHOICE).where(Gateway.clinic_id == clinic_id).order_by(Gateway.name)).all()
    return SenderChoices(gateways, list_accounts_of(session, clinic_id))


def gateway_warnings(choices: SenderChoices, definition: object, *, place: str = "") -> list[JsonDict]:
    """Return `pointer` and `message` for each message and webhook of a definition without gateway or account."""
    return [{"pointer": use.pointer, "message": why} for use, why in uses_without_sender(choices, definition, place)]


def uses_without_sender(
    choices: SenderChoices, definition: object, place: str = ""
) -> list[tuple[GatewayUse | AccountUse, str]]:
    """Return the places in a definition without gateway or account, each with the reason."""
    found = ((use, _why_none(choices, use)) for use in sender_uses(definition, place))
    return [(use, why) for use, why in found if why is not None]


def _why_none(choices: SenderChoices, use: GatewayUse | AccountUse) -> str | None:
    if isinstance(use, GatewayUse):
        is_there = choose_gateway(choices.gateways, use.name) is not None
        return None if is_there else choice.why_none(choices.gateways, use.name)
    found = choose_account(choices.accounts, use.channel, use.name)
    return why_no_account(choices.accounts, use.channel, use.name) if found is None else None


def sender_uses(part: object, place: str = "") -> Iterator[GatewayUse | AccountUse]:
    """Yield the messages and webhooks in a rule, sequence or playbook that need a gateway or a sending account."""
    if isinstance(part, list):
        for index, item in enumerate(part):
            yield from sender_uses(item, place + pointer(index))
    elif isinstance(part, dict):
        for key, value in part.items():
            if found := [*_uses_of(key, value, place + pointer(key))]:
                yield from found
            else:
                yield from sender_uses(value, place + pointer(key))


def _uses_of(key: str, value: object, place: str) -> Iterator[GatewayUse | AccountUse]:
    """Yield what an action itself needs."""
    if _goes_through_gateway(key, value):
        yield GatewayUse(place, value.get("gateway"))  # type: ignore[attr-defined]  # it is a dict
    elif key == Kind.SEND_MESSAGE and isinstance(value, dict):
        channel, name = value.get("channel"), value.get("account")
        if isinstance(channel, str) and (name is not None or CHANNELS.needs_account(channel)):
            yield AccountUse(place, channel, name)
    elif key == Kind.NOTIFY and isinstance(value, dict) and isinstance(value.get("channels"), list):
        yield from (AccountUse(place, name, None) for name in value["channels"] if CHANNELS.needs_account(name))


def _goes_through_gateway(key: str, value: object) -> bool:
    if not isinstance(value, dict):
        return False
    is_message = key == Kind.SEND_MESSAGE and CHANNELS.needs_gateway(value.get("channel"))
    return is_message or (key == Kind.CALL_WEBHOOK and "gateway" in value)
