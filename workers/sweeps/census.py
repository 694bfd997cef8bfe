"""Counts for metrics and health checks: steps, late messages, leads without a next action, workers that answer.

Counting costs time, so the results are stored and shared.
"""

import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import to_json, transaction
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.broker import QUEUES, answering_workers
from app.engine.models import SweepRun
from app.engine.step_kind import STEP_KINDS
from app.messaging.delivery.backlog import message_backlog
from app.messaging.webhooks.report import count_endpoints, webhook_backlog
from workers.pipeline.due_steps.low_water_mark import mark_of

STEPS, WORKERS = "census", "workers"  # names in `sweep_runs`
REPLY_TIMEOUT: Final = 1.0  # seconds; a frozen worker does not answer
FAST: Final = 0.05  # seconds; pending steps are counted each time if the last count took no longer
PAUSE: Final = 100  # else they are counted again after so many times as long as it took

log = structlog.get_logger()

_PENDING: Final = text(
    "SELECT kind, state, count(*) AS n FROM steps WHERE state IN ('planned', 'published') GROUP BY kind, state"
)
_OTHERS: Final = text(
    "SELECT kind, state, count(*) AS n FROM steps WHERE state IN ('failed', 'unknown') GROUP BY kind, state"
    " UNION ALL SELECT kind, state, count(*) FROM steps WHERE state = 'running' GROUP BY kind, state"
)
_OLDEST: Final = text(
    "SELECT k.kind, first.due_at FROM unnest(CAST(:kinds AS text[])) AS k(kind) CROSS JOIN LATERAL"
    " (SELECT due_at FROM steps WHERE kind = k.kind AND state IN ('planned', 'published') AND due_at >= :since"
    " ORDER BY due_at LIMIT 1) AS first"
)
_IDLE: Final = text(
    "SELECT count(*) FROM leads WHERE without_next_action_since IS NOT NULL"
    " AND status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL"
)
_SAVE: Final = text(
    "INSERT INTO sweep_runs (name, started_at, runs, result) VALUES (:name, :now, 0, CAST(:result AS jsonb))"
    " ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, result = excluded.result"
)


def take_census(session: Session) -> int:
    """Count steps by state and kind, late messages, and leads without a next action.

    Counting millions of pending steps uses at most a hundredth of the time: after a count of 3 seconds the next one is
    5 minutes later. The oldest one of each kind is always looked up.
    """
    pending, oldest = _count_pending(session), oldest_of_kinds(session)
    others = [dict(row._mapping) for row in session.execute(_OTHERS)]  # noqa: SLF001  (SQLAlchemy's own name)
    # `oldest` of each row is for processes of the version before, during an upgrade.
    counted = {
        "steps": [{**row, "oldest": oldest.get(row["kind"])} for row in (*pending["steps"], *others)],
        "pending": pending,
        "oldest": oldest,
        "leads_without_next_action": session.scalar(_IDLE),
        "messages": message_backlog(session)._asdict(),
        "webhooks": {**webhook_backlog(session)._asdict(), "endpoints": count_endpoints(session)._asdict()},
    }
    _save(session, STEPS, counted)
    return 0


def oldest_of_kinds(session: Session) -> dict[str, datetime]:
    """Return the due time of the oldest pending step of each kind."""
    mark, now, began = mark_of(STEPS), clock.now(), time.monotonic()
    found = session.execute(_OLDEST, {"kinds": list(STEP_KINDS), "since": mark.start(now)})
    oldest = {row.kind: row.due_at for row in found}
    mark.advance(min(oldest.values(), default=None), now=now, seconds=time.monotonic() - began)
    return oldest


def _count_pending(session: Session) -> JsonDict:
    """Return the pending steps by kind and state; the last count if the next one is not due yet."""
    last = session.get(SweepRun, STEPS)
    before: JsonObject | None = ((last and last.result) or {}).get("pending")
    now = clock.now()
    if before is not None and before["seconds"] > FAST and now < _next_count(before):
        return dict(before)
    began = time.monotonic()
    steps = [dict(row._mapping) for row in session.execute(_PENDING)]  # noqa: SLF001
    return {"steps": steps, "counted_at": now.isoformat(), "seconds": time.monotonic() - began}


def _next_count(before: JsonObject) -> datetime:
    return datetime.fromisoformat(before["counted_at"]) + timedelta(seconds=before["seconds"] * PAUSE)


def count_workers() -> None:
    """Count the workers that answer and store their number by queue. No transaction is open meanwhile."""
    try:
        found = Counter(queue for queue, _ in answering_workers(REPLY_TIMEOUT))
    except Exception as error:  # noqa: BLE001  (whatever the broker raises, the steps are counted)
        log.warning("census.broker_unavailable", because=type(error).__name__)
        return
    with transaction() as session:
        _save(session, WORKERS, {queue: found[queue] for queue in QUEUES})


def _save(session: Session, name: str, result: Mapping[str, object]) -> None:
    session.execute(_SAVE, {"name": name, "now": clock.now(), "result": to_json(result)})
