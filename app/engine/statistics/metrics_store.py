"""Metric counters in database rows. They survive processes: each process adds to its own rows, and readers sum them.

Counters are written in the transaction of the counted work, so each event counts exactly once. No two processes wait
for the same row.
"""

import json
import os
import socket
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.db import to_json

# Upper bounds of the buckets in seconds. The last bucket has none.
LATENESS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3600.0, float("inf"))

REQUEST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, float("inf"))

Counts = Counter[tuple[str, str]]  # (metric, labels as JSON) → how much to add

_ADD = driver_sql(
    "INSERT INTO counters AS c (process, metric, labels, value, updated_at)"
    " SELECT :process, metric, labels, value, :now"
    " FROM jsonb_to_recordset(CAST(:counts AS jsonb)) AS r(metric text, labels text, value float8)"
    " ORDER BY metric, labels"
    " ON CONFLICT (process, metric, labels)"
    " DO UPDATE SET value = c.value + excluded.value, updated_at = excluded.updated_at"
)
_SUMS = text("SELECT metric, labels, sum(value) AS value FROM counters GROUP BY metric, labels ORDER BY 1, 2")
_PRESENT = text(
    "SELECT metric, sum(value) AS value FROM counters WHERE process <> 'past' AND updated_at >= :since GROUP BY metric"
)
_FOLD = text(
    "WITH old AS (DELETE FROM counters WHERE process <> 'past' AND updated_at < :before"
    " RETURNING metric, labels, value),"
    " sums AS (SELECT metric, labels, sum(value) AS value FROM old GROUP BY metric, labels)"
    " INSERT INTO counters AS c (process, metric, labels, value, updated_at)"
    " SELECT 'past', metric, labels, value, :now FROM sums"
    " ON CONFLICT (process, metric, labels) DO UPDATE SET value = c.value + excluded.value"
)


@lru_cache(maxsize=1024)
def series_key(metric: str, **labels: str) -> tuple[str, str]:
    """Return the key of a series: the metric and its labels as JSON."""
    return metric, json.dumps(labels, sort_keys=True)


def bucket_of(seconds: float, bounds: Sequence[float] = LATENESS_BUCKETS) -> str:
    """Return the label of the bucket for a number of seconds: its upper bound."""
    bound = bounds[bisect_left(bounds, seconds)]
    return "+Inf" if bound == float("inf") else str(bound)


def add_counts(session: Session, counts: Counts) -> None:
    """Add to this process's counters in the caller's transaction."""
    if counts:
        rows = [{"metric": metric, "labels": labels, "value": n} for (metric, labels), n in counts.items()]
        given = {"process": _process(os.getpid()), "counts": to_json(rows), "now": clock.now()}
        execute_driver_sql(session, _ADD, given)


def totals(session: Session) -> list[tuple[str, Mapping[str, str], float]]:
    """Return every series as metric, labels and value, summed over all processes, past ones included."""
    return [(row.metric, json.loads(row.labels), row.value) for row in session.execute(_SUMS)]


def present(session: Session, since: datetime) -> Mapping[str, float]:
    """Return by metric the sum over the processes that have written since then. For values that rise and fall."""
    return {row.metric: row.value for row in session.execute(_PRESENT, {"since": since})}


def merge_stale_rows(session: Session, before: object) -> int:
    """Merge the rows of processes without updates since `before`. Return how many series were merged."""
    result = session.execute(_FOLD, {"before": before, "now": clock.now()})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


@lru_cache(maxsize=2)
def _process(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{clock.now().timestamp():.0f}"
