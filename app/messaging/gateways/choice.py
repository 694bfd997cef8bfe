"""The gateway of a message or a webhook: the named one, or the clinic's default. Pure."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from app.messaging.gateways.models import GatewayPurpose


class GatewayChoice(Protocol):
    """The columns of a gateway that decide whether a step uses it."""

    @property
    def name(self) -> str: ...
    @property
    def purpose(self) -> str: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def is_default(self) -> bool: ...


Chosen = TypeVar("Chosen", bound=GatewayChoice)


def choose_gateway(gateways: Sequence[Chosen], name: str | None) -> Chosen | None:
    """Return the clinic's active gateway with this name.

    Without a name: its active default gateway for messages, or its only active one. None if there is none.
    """
    active = [one for one in gateways if one.is_active]
    if name is not None:
        return next((one for one in active if one.name == name), None)
    for_messages = [one for one in active if one.purpose == GatewayPurpose.MESSAGES]
    default = [one for one in for_messages if one.is_default]
    fitting = default or for_messages
    return fitting[0] if len(fitting) == 1 else None


def why_none(gateways: Sequence[GatewayChoice], name: str | None) -> str:
    """Return why `choose_gateway` finds no gateway, for admins."""
    if name is not None:
        is_there = any(one.name == name for one in gateways)
        return f"The gateway {name!r} is inactive." if is_there else f"The clinic has no gateway {name!r}."
    several = sum(one.is_active and one.purpose == GatewayPurpose.MESSAGES for one in gateways) > 1
    if several:
        return "The clinic has several gateways for messages: name one, or make one the default (`is_default`)."
    return "The clinic has no active gateway for messages."
