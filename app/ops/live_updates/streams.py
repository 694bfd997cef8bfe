"""The streams of this process, by clinic and by caller."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from app.core.live_events.caller import MOST_STREAMS, StreamCaller
from app.ops.live_updates.messages import CloseReason
from app.ops.live_updates.stream import Stream


@dataclass(slots=True)
class Streams:
    """Reserved and open streams. Each user or API key has at most `MOST_STREAMS` of them."""

    _all: set[Stream] = field(default_factory=set)
    _receiving: dict[UUID, set[Stream]] = field(default_factory=lambda: defaultdict(set))  # by clinic
    _counts: Counter[UUID | None] = field(default_factory=Counter)

    def reserve(self, caller: StreamCaller) -> Stream | None:
        """Return a stream without a connection yet. None: the caller has as many streams as allowed."""
        if self._counts[caller.counted_as] >= MOST_STREAMS:
            return None
        stream = Stream(caller, self.forget)
        self._counts[caller.counted_as] += 1
        self._all.add(stream)
        return stream

    def add(self, stream: Stream) -> None:
        """Let the stream receive the events of its clinic, unless it has ended."""
        if stream in self._all:
            self._receiving[stream.caller.clinic_id].add(stream)

    def forget(self, stream: Stream) -> None:
        """Forget a stream that has ended, or was never connected. Does nothing the second time."""
        if stream not in self._all:
            return
        self._all.discard(stream)
        caller = stream.caller
        if caller.clinic_id in self._receiving:
            self._receiving[caller.clinic_id].discard(stream)
            if not self._receiving[caller.clinic_id]:
                del self._receiving[caller.clinic_id]
        self._counts[caller.counted_as] -= 1
        if not self._counts[caller.counted_as]:
            del self._counts[caller.counted_as]

    def of(self, clinic_id: UUID) -> Collection[Stream]:
        """Return the receiving streams of a clinic."""
        return self._receiving.get(clinic_id, ())

    def clinics(self) -> Collection[UUID]:
        """Return the clinics with receiving streams."""
        return self._receiving.keys()

    def close(self, order: Mapping[str, str], reason: CloseReason) -> None:
        """Close the streams of all callers that match the order, reserved ones included."""
        for stream in [one for one in self._all if one.caller.matches(order)]:
            stream.close(reason)

    def __iter__(self) -> Iterator[Stream]:
        """Iterate over the receiving streams."""
        return (stream for streams in self._receiving.values() for stream in streams)
