"""Publish live events in a background thread: one entry per clinic and round.

The thread is not the one that wakes workers, because a store that hangs must not delay steps. A failing store delays
no request: the thread remembers the clinics whose events it lost, and publishes a `reset` for them later.
"""

import atexit
import os
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from typing import Final
from uuid import UUID

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.exceptions import ConnectionError  # noqa: A004  (redis has its own)
from redis.retry import Retry

from app.config import get_settings
from app.core.background_queue import ROUND_INTERVAL, BackgroundQueue
from app.core.live_events.entries import (
    CLOSING,
    CONTENT,
    LIFETIME,
    MOST_ENTRIES,
    Changes,
    FormerOwners,
    closing_entry,
    reset_entry,
    stream_of,
    to_entry,
)

STORE_TIMEOUT: Final = 1.0  # seconds
RETRY_AFTER: Final = 2.0  # seconds without calls after a failure
EXPIRY_INTERVAL: Final = 60.0  # seconds until the expiry of a stream is set again
MOST_CLINICS: Final = 10_000  # whose times are remembered
MOST_WAITING: Final = 1000  # commits held while the store does not answer
MOST_CLOSING: Final = 1000  # closing orders held meanwhile; beyond it, all streams are closed
EVERYONE: Final[dict[str, str]] = {}  # the order that closes all streams

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Batch:
    """The changes of one or more transactions, by clinic, and their closing orders."""

    changes: dict[UUID, Changes] = field(default_factory=dict)
    former: dict[UUID, FormerOwners] = field(default_factory=dict)
    closing: list[dict[str, str]] = field(default_factory=list)


def is_enabled() -> bool:
    """Whether there is a store for live events (Valkey or Redis)."""
    return bool(get_settings().counter_store)


def flush(timeout: float = 2.0) -> None:
    """Wait up to `timeout` seconds until all events are published or given up. Call it before a process exits."""
    publisher().flush(timeout)


@lru_cache(maxsize=1)
def _publisher_of(_pid: int) -> "Publisher":
    publisher = Publisher()
    atexit.register(publisher.flush, 2.0)
    return publisher


def publisher() -> "Publisher":
    """Return this process's publisher. A forked child gets its own."""
    return _publisher_of(os.getpid())


class Publisher(BackgroundQueue[Batch]):
    """A thread that publishes live events."""

    def __init__(self) -> None:
        super().__init__("live-events", most=MOST_WAITING)
        self._expiry_set: dict[UUID, float] = {}  # by clinic: when the expiry of its stream was set
        self._memory = threading.Lock()  # of the next two
        self._lost: set[UUID] = set()  # clinics whose events were not published
        self._unsent: list[dict[str, str]] = []  # closing orders that were not published

    def _handle(self, items: Sequence[Batch]) -> float:
        try:
            self._publish(items)
        except Exception as error:  # noqa: BLE001  (live updates are optional, whatever the store raises)
            log.warning("live_events.unavailable", error=type(error).__name__)
            self._give_up(items)
            return RETRY_AFTER
        return ROUND_INTERVAL

    def _refuse(self, item: Batch) -> None:
        self._give_up([item])

    def _has_work(self) -> bool:
        return bool(self._lost or self._unsent)

    def _publish(self, batches: Sequence[Batch]) -> None:
        with self._memory:
            lost, unsent = set(self._lost), list(self._unsent)
        with _store().pipeline(transaction=False) as pipe:
            for order in [*unsent, *(order for batch in batches for order in batch.closing)]:
                pipe.xadd(CLOSING, {CONTENT: closing_entry(order)}, maxlen=MOST_ENTRIES)
            for clinic_id in lost:
                self._add(pipe, clinic_id, reset_entry())
            for clinic_id, (changes, former) in _merged(batches).items():
                self._add(pipe, clinic_id, to_entry(changes, former))
            pipe.execute()
        with self._memory:
            self._lost -= lost
            self._unsent = [order for order in self._unsent if order not in unsent]

    def _add(self, pipe: Pipeline, clinic_id: UUID, content: bytes) -> None:
        pipe.xadd(stream_of(clinic_id), {CONTENT: content}, maxlen=MOST_ENTRIES)
        at = time.monotonic()
        if at > self._expiry_set.get(clinic_id, -inf) + EXPIRY_INTERVAL:
            pipe.expire(stream_of(clinic_id), LIFETIME)
            if len(self._expiry_set) > MOST_CLINICS:
                self._expiry_set.clear()
            self._expiry_set[clinic_id] = at

    def _give_up(self, batches: Iterable[Batch]) -> None:
        """Remember what clients must still be told. Closing orders are kept, because they end access."""
        with self._memory:
            for batch in batches:
                self._lost.update(batch.changes)
                self._unsent += batch.closing
            if len(self._unsent) > MOST_CLOSING:
                self._unsent = [EVERYONE]


def _merged(batches: Iterable[Batch]) -> dict[UUID, tuple[Changes, FormerOwners]]:
    merged: dict[UUID, tuple[Changes, FormerOwners]] = {}
    for batch in batches:
        for clinic_id, changes in batch.changes.items():
            known, former = merged.setdefault(clinic_id, ({}, {}))
            for kind, objects in changes.items():
                known.setdefault(kind, {}).update(objects)
            for object_id, users in batch.former.get(clinic_id, {}).items():
                former.setdefault(object_id, set()).update(users)
    return merged


@lru_cache(maxsize=1)
def _store() -> Redis:
    """Return the client. Its pool opens new connections after a fork."""
    return Redis.from_url(
        get_settings().counter_store,
        socket_timeout=STORE_TIMEOUT,
        socket_connect_timeout=STORE_TIMEOUT,
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),  # a connection that died in the pool
    )
