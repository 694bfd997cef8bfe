"""The ways to a person. A new one (sms, webhook) is a file here and a line in `_MAKERS`."""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache

from app.config import get_settings
from app.messaging import models
from app.messaging.channels.base import Channel, Outcome, OutgoingMessage, Permanent, Receipt, Sent, Transient, Unknown
from app.messaging.channels.email import EmailChannel
from app.messaging.channels.gateway import GatewayChannel
from app.messaging.channels.in_app import InAppChannel
from app.messaging.channels.mail_server import InvalidMailSettings

__all__ = [
    "Channel",
    "InvalidMailSettings",
    "Outcome",
    "OutgoingMessage",
    "Permanent",
    "Receipt",
    "Sent",
    "Transient",
    "Unknown",
    "channel_of",
]

_MAKERS: Mapping[models.Channel, Callable[[], Channel]] = {
    models.Channel.IN_APP: InAppChannel,
    models.Channel.EMAIL: lambda: EmailChannel.from_settings(get_settings()),
    models.Channel.HTTP: GatewayChannel,
}


def channel_of(name: str) -> Channel:
    """This process's channel of that name; it keeps its connection from one message to the next.

    Raises InvalidMailSettings when it cannot be made from the settings.
    """
    return _channel_of(models.Channel(name), os.getpid())  # a forked child must not share its parent's socket


@lru_cache(maxsize=16)
def _channel_of(name: models.Channel, _pid: int) -> Channel:
    return _MAKERS[name]()
