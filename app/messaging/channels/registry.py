"""Channel registry: the channels of this process, by name. `app.wiring` fills it when the process starts."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final

from app.messaging.channels.base import Channel, ForLeads, TextPart
from app.messaging.models import AddressKind
from app.messaging.rendering.variants import MediaType


class ChannelsAreMissing(RuntimeError):
    """No channels are registered: call app.wiring.connect() when the process starts."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class UnknownChannel(KeyError):
    """No channel has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"there is no channel {self.name!r}"


class Channels(Mapping[str, Channel]):
    """The channels by name, sorted. Reading it raises ChannelsAreMissing before `fill` was called.

    A stored name may be unknown, because a channel can be removed after messages were written for it.
    """

    def __init__(self) -> None:
        self._channels: dict[str, Channel] | None = None

    def fill(self, channels: Iterable[Channel]) -> None:
        """Register exactly these channels. Raises ValueError when two have the same name."""
        listed = sorted(channels, key=lambda channel: channel.name)
        by_name = {channel.name: channel for channel in listed}
        if len(by_name) < len(listed):
            raise ValueError(f"two channels have one name: {[channel.name for channel in listed]}")
        self._channels = by_name

    def __getitem__(self, name: str) -> Channel:
        """Return the channel. Raises UnknownChannel."""
        try:
            return self._filled()[name]
        except KeyError:
            raise UnknownChannel(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._filled())

    def __len__(self) -> int:
        return len(self._filled())

    def names(self) -> list[str]:
        """Return all names."""
        return list(self)

    def names_for_users(self) -> list[str]:
        """Return the names of the channels that reach users."""
        return [channel.name for channel in self.values() if channel.for_users]

    def names_for_leads(self) -> list[str]:
        """Return the names of the channels that reach leads."""
        return [channel.name for channel in self.values() if channel.for_leads]

    def names_using(self, kind: AddressKind) -> list[str]:
        """Return the names of the channels that reach leads at this kind of address."""
        return [
            channel.name for channel in self.values() if channel.for_leads and channel.for_leads.suppressed_by is kind
        ]

    def names_with(self, part: TextPart) -> list[str]:
        """Return the names of the channels with this part in their texts."""
        return [channel.name for channel in self.values() if part in channel.parts]

    def names_with_session(self) -> list[str]:
        """Return the names of the channels that allow free texts only in a session."""
        return [channel.name for channel in self.values() if channel.session is not None]

    def session(self, name: object) -> timedelta | None:
        """Return how long a message of the lead opens a session; None: the channel has none, or no such name."""
        channel = self._find(name)
        return channel.session if channel else None

    def names_with_gateway(self) -> list[str]:
        """Return the names of the channels that send through a gateway."""
        return [channel.name for channel in self.values() if channel.needs_gateway]

    def has_part(self, name: object, part: TextPart) -> bool:
        """Return whether the texts of a channel have this part; True if `name` is no channel."""
        channel = self._find(name)
        return channel is None or part in channel.parts

    def needs_gateway(self, name: object) -> bool:
        """Return whether a channel sends through a gateway; False if `name` is no channel."""
        channel = self._find(name)
        return channel is not None and channel.needs_gateway

    def media_types(self, name: object) -> frozenset[MediaType]:
        """Return the types of files that a channel sends; none if `name` is no channel."""
        channel = self._find(name)
        return channel.media if channel else frozenset()

    def for_leads(self, name: str) -> ForLeads | None:
        """Return how a channel reaches leads; None if it does not or the name is unknown."""
        channel = self.get(name)
        return channel.for_leads if channel else None

    def suppressed_by(self, name: str) -> AddressKind | None:
        """Return the kind of address to check in the suppression list; None: no channel to leads has this name."""
        for_leads = self.for_leads(name)
        return for_leads.suppressed_by if for_leads else None

    def needs_account(self, name: object) -> bool:
        """Return whether a channel sends only through the clinic's sending accounts; False if `name` is no channel."""
        channel = self._find(name)
        return channel is not None and channel.needs_account

    def _find(self, name: object) -> Channel | None:
        """Return a channel by name; None for anything else, since a definition may hold any JSON value here."""
        channels = self._filled()
        return channels.get(name) if isinstance(name, str) else None

    def _filled(self) -> dict[str, Channel]:
        if self._channels is None:
            raise ChannelsAreMissing
        return self._channels


CHANNELS: Final = Channels()
