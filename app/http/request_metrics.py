"""Metrics of calls: counted in the process that serves them, and added to its rows of `counters` every few seconds.

Calls are counted by their route, not by their path, because a path has ids and can contain personal data.
"""

import threading
from collections import Counter
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.core.db import engine, transaction
from app.engine.statistics.metrics_store import REQUEST_BUCKETS, Counts, add_counts, bucket_of, series_key
from app.engine.statistics.process_keys import own_keys

EVERY: Final = 5.0  # seconds between two writes
ALIVE_FOR: Final = timedelta(seconds=6 * EVERY)  # a process that has not written for so long has ended
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})
IN_FLIGHT: Final = "http_in_flight"
POOL_USED: Final = "database_pool_used"
POOL_SIZE: Final = "database_pool_size"

log = structlog.get_logger()


class RequestMetrics:
    """The calls of this process that are not written yet, and the values that it has written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counts = Counter()
        self._running = 0
        self._written: dict[tuple[str, str], float] = {}

    def begin(self) -> None:
        """Count a call as in flight."""
        with self._lock:
            self._running += 1

    def end(self) -> None:
        """Count a call as no longer in flight."""
        with self._lock:
            self._running -= 1

    def add(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count an answered call. Without a route, its path was unknown."""
        about = {"method": method if method in METHODS else "other", "route": route or "unknown"}
        with self._lock:
            self._counts[series_key("http_requests", **about, status=f"{status // 100}xx")] += 1
            self._counts[series_key("http_seconds", **about, le=bucket_of(seconds, REQUEST_BUCKETS))] += 1
            self._counts[series_key("http_seconds_sum", **about)] += seconds  # type: ignore[assignment]

    def write(self, *, is_last: bool = False) -> None:
        """Add to the counters of this process, and report its keys. What cannot be written is kept for the next time.

        With `is_last` the process ends.
        """
        with self._lock:
            counts, self._counts = self._counts, Counter()
            present = {series_key(IN_FLIGHT): float(self._running), **_pool(), own_keys("web"): float(not is_last)}
        changes = counts.copy()
        for series, value in present.items():
            changes[series] = value - self._written.get(series, 0.0)  # type: ignore[assignment]
        try:
            with transaction() as session:
                add_counts(session, changes)
        except SQLAlchemyError as error:
            log.warning("request_metrics.not_written", because=type(error).__name__)
            with self._lock:
                self._counts.update(counts)
        else:
            self._written = present


calls: Final = RequestMetrics()


def start_writing() -> None:
    """Write now and every few seconds, in the background. For a process that serves calls, after its fork."""
    threading.Thread(target=_write_for_ever, name="request-metrics", daemon=True).start()


def _write_for_ever() -> None:
    pause = threading.Event()
    calls.write()
    while not pause.wait(EVERY):
        calls.write()


def _pool() -> dict[tuple[str, str], float]:
    pool = engine().pool
    return {series_key(POOL_USED): pool.checkedout(), series_key(POOL_SIZE): pool.size()}  # type: ignore[attr-defined]
