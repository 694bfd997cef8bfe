"""Publish steps again whose messages may be lost, after a worker has connected to the broker.

A broker that restarts, and a worker that is killed, take the messages with them that a worker held for later. The rows
do not tell which ones, so all steps that were published before are published again. A second message is harmless.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import text

from app import clock
from app.core.db import transaction
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.publish import after_commit, horizon, wake_ups_of

NAME = "publish_lost"
BATCH = 5000
TOGETHER = timedelta(seconds=3)  # workers that connect within this time share one run

_BEGIN = text(
    "INSERT INTO sweep_runs AS r (name, started_at, runs) VALUES (:name, :now, 1)"
    " ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, runs = r.runs + 1"
    " WHERE r.started_at < :recently RETURNING name"
)
_PUBLISH = text(
    "WITH lost AS (SELECT id FROM steps WHERE kind = :kind AND state = 'published' AND due_at <= :horizon"
    " AND published_at < :before ORDER BY due_at LIMIT :batch FOR UPDATE SKIP LOCKED)"
    " UPDATE steps AS s SET published_at = :now FROM lost WHERE s.id = lost.id"
    " RETURNING s.id, s.kind, s.name, s.due_at, s.clinic_id"
)

log = structlog.get_logger()


def publish_lost(connected_at: datetime) -> int:
    """Publish the pending steps again that were published before a worker connected. Returns their number."""
    if not _begin(connected_at):
        return 0
    found = 0
    for kind in STEP_KINDS:
        while batch := _one_batch(kind, connected_at):
            found += batch
    if found:
        log.info("steps.published_again", steps=found)
    return found


def _begin(connected_at: datetime) -> bool:
    """Note the run. Return False if one has begun about the time of the connection."""
    given = {"name": NAME, "now": clock.now(), "recently": connected_at - TOGETHER}
    with transaction() as session:
        return session.execute(_BEGIN, given).first() is not None


def _one_batch(kind: str, connected_at: datetime) -> int:
    now = clock.now()
    given = {"kind": kind, "before": connected_at, "now": now, "horizon": horizon(now), "batch": BATCH}
    with transaction() as session:
        rows = session.execute(_PUBLISH, given).all()
        after_commit(session, wake_ups_of(rows))
    return len(rows)
