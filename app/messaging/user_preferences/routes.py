"""Routes of a notice: the channels and destinations on which a user gets it, and those that they turned off. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Final, NamedTuple
from uuid import UUID

from app.engine.models import Reason
from app.messaging.channels.base import Channel
from app.messaging.channels.registry import CHANNELS
from app.messaging.user_preferences.kinds import DIGEST_CHANNEL, MANDATORY, ONLY_BY_EMAIL, Delivery, NoticeKind

DIGEST_AT: Final = time(7)


class Route(NamedTuple):
    """A channel of a notice. `reason`: why the notice is not sent there now; None: it is sent."""

    channel: str
    destination_id: UUID | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """The preferences of a user: choices by kind and channel, and the ids of their destinations by channel.

    `digest_at` is a local time in `timezone` (None: the clinic's zone).
    """

    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    destinations: Mapping[str, tuple[UUID, ...]] = field(default_factory=dict)
    digest_at: time = DIGEST_AT
    timezone: str | None = None

    def chosen(self, kind: NoticeKind, channel: Channel) -> Delivery:
        """Return the value for a kind and a channel: the user's own, else the default."""
        own = self.choices.get(kind, {}).get(channel.name)
        return Delivery(own) if own else default_delivery(channel)


DEFAULT_SETTINGS: Final = NoticeSettings()


def default_delivery(channel: Channel) -> Delivery:
    """Return the value without a choice. Whoever registers a destination wants notices there."""
    return Delivery.ON if channel.has_destinations else Delivery.PLANNED


def allowed_channels(kind: NoticeKind) -> list[str]:
    """Return the names of the channels that this kind of notice can use."""
    return [DIGEST_CHANNEL] if kind in ONLY_BY_EMAIL else CHANNELS.names_for_users()


def routes_of(kind: NoticeKind | None, planned: Collection[str], settings: NoticeSettings) -> list[Route]:
    """Return the routes of a notice that was planned for these channels. Those of mandatory kinds stay as planned.

    A channel that the user turned off has a reason instead of being left out, so that the history shows it.
    """
    if kind is None or kind in MANDATORY:
        return [Route(name) for name in planned]
    others = [name for name in allowed_channels(kind) if name not in planned]
    return [
        route
        for name in (*planned, *others)
        for route in _routes(settings, kind, CHANNELS[name], is_planned=name in planned)
    ]


def _routes(settings: NoticeSettings, kind: NoticeKind, channel: Channel, *, is_planned: bool) -> Iterator[Route]:
    match settings.chosen(kind, channel):
        case Delivery.OFF if is_planned:
            yield from _to_each(settings, channel, Reason.TURNED_OFF)
        case Delivery.DIGEST:
            yield Route(channel.name, reason=Reason.WAITS_FOR_DIGEST)
        case Delivery.ON:
            yield from _to_each(settings, channel)
        case Delivery.PLANNED if is_planned:
            yield from _to_each(settings, channel)


def _to_each(settings: NoticeSettings, channel: Channel, reason: Reason | None = None) -> Iterator[Route]:
    if not channel.has_destinations:
        yield Route(channel.name, reason=reason)
    for destination_id in settings.destinations.get(channel.name, ()):
        yield Route(channel.name, destination_id, reason)
