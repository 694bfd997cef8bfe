"""Workers that answer, by queue, counted for metrics. A frozen worker does not answer."""

from collections import Counter
from typing import Final

import structlog
from sqlalchemy import text

from app import clock
from app.core.db import to_json, transaction
from app.engine.broker import QUEUES, answering_workers

NAME: Final = "workers"  # in `sweep_runs`
REPLY_TIMEOUT: Final = 1.0  # seconds

log = structlog.get_logger()

_SAVE: Final = text(
    "INSERT INTO sweep_runs (name, started_at, runs, result) VALUES (:name, :now, 0, CAST(:result AS jsonb))"
    " ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, result = excluded.result"
)


def count_workers() -> None:
    """Count the workers that answer and store their number by queue. No transaction is open meanwhile."""
    try:
        found = Counter(queue for queue, _ in answering_workers(REPLY_TIMEOUT))
    except Exception as error:  # noqa: BLE001  (whatever the broker raises, the steps are counted)
        log.warning("census.broker_unavailable", because=type(error).__name__)
        return
    with transaction() as session:
        result = to_json({queue: found[queue] for queue in QUEUES})
        session.execute(_SAVE, {"name": NAME, "now": clock.now(), "result": result})
