"""The channels of this process, by name. `app.wiring` fills the registry when the process starts."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from app.messaging.channels.base import Channel, ForLeads, TextPart
from app.messaging.models import Way


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

    A name may be unknown although it is stored: the channel that a message was written for can be removed.
    """

    def __init__(self) -> None:
        self._channels: dict[str, Channel] | None = None

    def fill(self, channels: Iterable[Channel]) -> None:
        """Register these channels, and only these. Raises ValueError for two of one name."""
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

    def names_with(self, part: TextPart) -> list[str]:
        """Return the names of the channels whose texts have that part."""
        return [channel.name for channel in self.values() if part in channel.parts]

    def names_with_gateway(self) -> list[str]:
        """Return the names of the channels whose messages go through a gateway."""
        return [channel.name for channel in self.values() if channel.needs_gateway]

    def has_part(self, name: str | None, part: TextPart) -> bool:
        """Return whether the texts of a channel have that part; true for None and for an unknown name."""
        return name not in self.names() or name in self.names_with(part)

    def needs_gateway(self, name: str | None) -> bool:
        """Return whether messages by a channel go through a gateway; false for None and for an unknown name."""
        return name in self.names_with_gateway()

    def for_leads(self, name: str) -> ForLeads | None:
        """Return how a channel reaches leads; None where it does not, and for an unknown name."""
        channel = self.get(name)
        return channel.for_leads if channel else None

    def suppressed_by(self, name: str) -> Way | None:
        """Return the list of addresses that a channel to leads obeys; None for any other and for an unknown name."""
        reach = self.for_leads(name)
        return reach.suppressed_by if reach else None

    def _filled(self) -> dict[str, Channel]:
        if self._channels is None:
            raise ChannelsAreMissing
        return self._channels


CHANNELS: Final = Channels()
