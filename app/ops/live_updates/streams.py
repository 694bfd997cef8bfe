"""The open streams of this process, by clinic and by caller."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from app.core.live_events.caller import MOST_STREAMS, StreamCaller
from app.ops.live_updates.messages import CloseReason
from app.ops.live_updates.stream import Stream


@dataclass(eq=False, slots=True)
class Reservation:
    """A place for a stream that is about to be opened. A closing order that matches its caller withdraws it."""

    caller: StreamCaller
    is_withdrawn: bool = False


@dataclass(slots=True)
class Streams:
    """Open streams and reservations. Each user or API key has at most `MOST_STREAMS` of them."""

    _open: dict[UUID, set[Stream]] = field(default_factory=lambda: defaultdict(set))
    _reserved: set[Reservation] = field(default_factory=set)
    _counts: Counter[UUID | None] = field(default_factory=Counter)

    def reserve(self, caller: StreamCaller) -> Reservation | None:
        """Reserve a place. None: the caller has as many streams as allowed."""
        if self._counts[caller.counted_as] >= MOST_STREAMS:
            return None
        self._counts[caller.counted_as] += 1
        reservation = Reservation(caller)
        self._reserved.add(reservation)
        return reservation

    def give_back(self, reservation: Reservation) -> None:
        """Give the place of a stream back that was not opened."""
        if reservation in self._reserved:
            self._reserved.discard(reservation)
            self._forget(reservation.caller)

    def open(self, reservation: Reservation) -> Stream:
        """Return a new stream in the reserved place."""
        self._reserved.discard(reservation)
        return Stream(reservation.caller, self._end)

    def add(self, stream: Stream) -> None:
        """Let the stream receive the events of its clinic."""
        self._open[stream.caller.clinic_id].add(stream)

    def of(self, clinic_id: UUID) -> Collection[Stream]:
        """Return the streams of a clinic."""
        return self._open.get(clinic_id, ())

    def clinics(self) -> Collection[UUID]:
        """Return the clinics with streams."""
        return self._open.keys()

    def close(self, order: Mapping[str, str], reason: CloseReason) -> None:
        """Close the streams of all callers that match the order, and withdraw their reservations."""
        for reservation in self._reserved:
            reservation.is_withdrawn |= reservation.caller.matches(order)
        for stream in [one for one in self if one.caller.matches(order)]:
            stream.close(reason)

    def __iter__(self) -> Iterator[Stream]:
        """Iterate over all open streams."""
        return (stream for streams in self._open.values() for stream in streams)

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def _end(self, stream: Stream) -> None:
        streams = self._open.get(stream.caller.clinic_id, set())
        streams.discard(stream)
        if not streams:
            self._open.pop(stream.caller.clinic_id, None)
        self._forget(stream.caller)

    def _forget(self, caller: StreamCaller) -> None:
        self._counts[caller.counted_as] -= 1
        if not self._counts[caller.counted_as]:
            del self._counts[caller.counted_as]
