"""The Valkey streams of live events, as this process reads them. Errors of the store (RedisError) propagate."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError  # noqa: A004  (redis has its own)

from app.core.live_events.entries import CLOSING, CONTENT, LIFETIME, MOST_ENTRIES, read_entry
from app.core.type_aliases import JsonDict

BLOCK_MS: Final = 5000  # how long one read waits for entries
PER_READ: Final = 200  # entries of each stream
TIMEOUT: Final = BLOCK_MS / 1000 + 5  # seconds
START: Final = "null"  # content of an entry without events: it marks a position, and wakes a read that waits
_ID: Final = re.compile(r"\d{1,20}-\d{1,20}", re.ASCII)


class Entry(NamedTuple):
    """An entry: its id and its JSON content. None: it has no events."""

    id: str
    content: JsonDict | None


class Store:
    """Typed access to the streams."""

    def __init__(self, url: str) -> None:
        self._redis: Any = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),  # a connection that died in the pool
        )

    async def read(self, positions: Mapping[str, str]) -> list[tuple[str, list[Entry]]]:
        """Return the entries after these ids, by stream. Waits up to `BLOCK_MS` for the first."""
        found = await self._redis.xread(dict(positions), count=PER_READ, block=BLOCK_MS)
        return [(name, _entries(rows)) for name, rows in found]

    async def between(self, name: str, first: str, last: str, *, most: int) -> list[Entry]:
        """Return the oldest `most` entries from `first` to `last`; none if `first` is not a valid id."""
        return _entries(await self._redis.xrange(name, first, last, count=most)) if _ID.fullmatch(first) else []

    async def exists(self, name: str, entry_id: str) -> bool:
        """Whether the entry is still there."""
        return bool(await self.between(name, entry_id, entry_id, most=1))

    async def newest_id(self, name: str) -> str:
        """Return the id of the newest entry. An empty stream gets one, so that clients have an id to come back with."""
        newest = await self._redis.xrevrange(name, count=1)
        if newest:
            found: str = newest[0][0]
            return found
        added: str = await self._redis.xadd(name, {CONTENT: START})
        if name != CLOSING:
            await self.keep(name)
        return added

    async def keep(self, name: str) -> None:
        """Keep the stream for another `LIFETIME`."""
        await self._redis.expire(name, LIFETIME)

    async def wake(self) -> None:
        """End the reads that wait."""
        await self._redis.xadd(CLOSING, {CONTENT: START}, maxlen=MOST_ENTRIES)


def _entries(rows: list[tuple[str, Mapping[str, str]]]) -> list[Entry]:
    return [Entry(entry_id, read_entry(fields[CONTENT])) for entry_id, fields in rows]
