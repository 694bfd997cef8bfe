"""Read the entries of all clinics with streams, and write each to the viewers who may see it."""

import asyncio
from collections.abc import Hashable
from typing import Final
from uuid import UUID

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.core.live_events.entries import CLOSING, stream_of
from app.core.type_aliases import JsonDict, JsonObject
from app.ops.live_updates.messages import CloseReason, events, heartbeat, ready, reset
from app.ops.live_updates.owners import load_owners
from app.ops.live_updates.store import Entry, Store
from app.ops.live_updates.stream import Stream
from app.ops.live_updates.streams import Streams
from app.ops.live_updates.viewer import Owners

HEARTBEAT: Final = 15.0  # seconds
READ_INTERVAL: Final = 0.05  # seconds between two reads: under load a client gets many events with one write
RETRY_AFTER: Final = 1.0  # seconds after a failure of the store
MOST_REPLAYED: Final = 2000  # entries; a client that missed more loads everything again
MOST_REPLAYED_BYTES: Final = 4_000_000  # that a client may leave unread after its replay
OWNERS_TIMEOUT: Final = 2.0  # seconds

log = structlog.get_logger()


class Feed:
    """Follows the streams of Valkey with one blocking read for all clinics."""

    def __init__(self, store: Store, streams: Streams) -> None:
        self._store = store
        self._streams = streams
        self._positions: dict[UUID, str] = {}  # by clinic with streams: id of the last entry that was written
        self._closing = ""  # id of the last closing order that was carried out

    async def run(self) -> None:
        """Follow the entries until cancelled. After a failure of the store, check what was missed."""
        while True:
            try:
                await self._check()
                while True:
                    await self._read()
            except (RedisError, OSError) as error:
                log.warning("live_updates.store_unavailable", error=type(error).__name__)
                await asyncio.sleep(RETRY_AFTER)

    async def keep_alive(self) -> None:
        """Send heartbeats until cancelled, and check that no entries were lost."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            self._forget_idle_clinics()
            for clinic_id, position in self._positions.items():
                self._send(clinic_id, heartbeat(position))
            self._flush()
            try:
                await self._check()
            except (RedisError, OSError) as error:
                log.warning("live_updates.store_unavailable", error=type(error).__name__)

    async def join(self, stream: Stream) -> None:
        """Begin to write events to the stream, after those that its client missed. Errors of the store propagate."""
        clinic_id, after = stream.caller.clinic_id, stream.caller.last_event_id
        while clinic_id not in self._positions:
            await self._follow(clinic_id)
        # No wait until the stream is added: it gets every entry after this position.
        position = self._positions[clinic_id]
        if not stream.is_open:
            return
        self._streams.add(stream)
        missed = b"" if after is None else await self._missed(stream, after, position)
        stream.begin(missed + ready(position), most=MOST_REPLAYED_BYTES)

    async def _follow(self, clinic_id: UUID) -> None:
        """Read the clinic's entries from now on."""
        position = await self._store.newest_id(stream_of(clinic_id))
        self._positions.setdefault(clinic_id, position)
        await self._store.wake()  # the read that waits does not include the clinic

    async def _missed(self, stream: Stream, after: str, until: str) -> bytes:
        """Return what the client missed since the entry `after`. If that is not there any more: `reset`."""
        clinic_id = stream.caller.clinic_id
        found = await self._store.between(stream_of(clinic_id), after, until, most=MOST_REPLAYED + 1)
        if not found or found[0].id != after or len(found) > MOST_REPLAYED:
            return reset(until)
        return b"".join([await self._render(stream, entry) for entry in found[1:]])

    async def _render(self, stream: Stream, entry: Entry) -> bytes:
        if entry.content is None:
            return b""
        owners = await self._owners(stream.caller.clinic_id, entry.content) if stream.viewer.is_limited else Owners()
        return render(stream, entry.content, owners, entry.id)

    async def _read(self) -> None:
        names = {stream_of(clinic_id): clinic_id for clinic_id in self._positions}
        positions = {name: self._positions[clinic_id] for name, clinic_id in names.items()}
        for name, entries in await self._store.read({CLOSING: self._closing, **positions}):
            for entry in entries:
                if name == CLOSING:
                    self._carry_out(entry)
                else:
                    await self._send_entry(names[name], entry)
        self._flush()
        await asyncio.sleep(READ_INTERVAL)

    def _carry_out(self, order: Entry) -> None:
        if order.content is not None:
            self._streams.close(order.content, CloseReason.ACCESS_CHANGED)
        self._closing = order.id

    async def _send_entry(self, clinic_id: UUID, entry: Entry) -> None:
        owners: Owners | None = Owners()
        if entry.content and any(stream.viewer.is_limited for stream in self._streams.of(clinic_id)):
            owners = await self._owners(clinic_id, entry.content)
        # No wait below this line: a stream that joins gets the entry either here or in its replay.
        self._positions[clinic_id] = entry.id
        if entry.content is None:
            return
        rendered: dict[Hashable, bytes] = {}
        for stream in self._streams.of(clinic_id):
            group = stream.viewer.group(entry.content)
            if group not in rendered:
                rendered[group] = render(stream, entry.content, owners, entry.id)
            if data := rendered[group]:
                stream.send(data)

    async def _owners(self, clinic_id: UUID, content: JsonDict) -> Owners | None:
        """Return the owners of the entry's leads. None: the database does not answer."""
        if "kinds" not in content:
            return Owners()
        try:
            async with asyncio.timeout(OWNERS_TIMEOUT):
                return await asyncio.to_thread(load_owners, clinic_id, content)
        except (SQLAlchemyError, TimeoutError) as error:
            log.warning("live_updates.database_unavailable", error=type(error).__name__)
            return None

    async def _check(self) -> None:
        """Check that the last written entries still exist. If not, the store was emptied, and entries may be lost."""
        if not self._closing:
            self._closing = await self._store.newest_id(CLOSING)
        elif not await self._store.exists(CLOSING, self._closing):
            self._closing = await self._store.newest_id(CLOSING)
            self._streams.close({}, CloseReason.ACCESS_CHANGED)
        for clinic_id, position in list(self._positions.items()):
            name = stream_of(clinic_id)
            if await self._store.exists(name, position):
                await self._store.keep(name)
            else:
                self._positions[clinic_id] = newest = await self._store.newest_id(name)
                self._send(clinic_id, reset(newest))
                self._flush()

    def _send(self, clinic_id: UUID, data: bytes) -> None:
        for stream in self._streams.of(clinic_id):
            stream.send(data)

    def _flush(self) -> None:
        for stream in [*self._streams]:
            stream.flush()

    def _forget_idle_clinics(self) -> None:
        for clinic_id in self._positions.keys() - set(self._streams.clinics()):
            del self._positions[clinic_id]


def render(stream: Stream, content: JsonObject, owners: Owners | None, entry_id: str) -> bytes:
    """Return what the viewer gets of an entry. Without its owners, a viewer with a limited scope gets `reset`."""
    if "reset" in content or (owners is None and stream.viewer.is_limited):
        return reset(entry_id)
    found = list(stream.viewer.visible(content, owners or Owners()))
    return events(found, entry_id) if found else b""
