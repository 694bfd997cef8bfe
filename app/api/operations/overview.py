"""State of the installation as JSON: queues, workers, sweeps and steps. `/metrics` has the same figures."""

from collections.abc import Mapping

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.operations.health import HELD, READY
from app.config import get_settings
from app.core.type_aliases import JsonDict
from app.engine import broker
from app.engine.broker_health import broker_takes_writes
from app.engine.models import SweepRun
from app.engine.steps.holds import current_hold

log = structlog.get_logger()


def operations_overview(session: Session) -> JsonDict:
    """Return the state of the engine. Counts of workers and steps are those of the last census."""
    runs = {run.name: run for run in session.scalars(select(SweepRun).order_by(SweepRun.name))}
    workers = _result_of(runs, "workers")
    steps = _result_of(runs, "census").get("steps", [])
    return {
        "status": HELD if current_hold(session) else READY,
        "is_broker_up": broker_takes_writes(),
        "flower_port": get_settings().flower_port,
        "queues": [{**queue, "workers": workers.get(queue["queue"])} for queue in _queues()],
        "steps": [{"state": row["state"], "kind": row["kind"], "count": row["n"]} for row in steps],
        "sweeps": [
            {"name": run.name, "finished_at": run.finished_at, "runs": run.runs, "has_failed": run.error is not None}
            for run in runs.values()
            if run.runs
        ],
    }


def _result_of(runs: Mapping[str, SweepRun], name: str) -> JsonDict:
    return (runs[name].result or {}) if name in runs else {}


def _queues() -> list[JsonDict]:
    """Return the queues; none if the broker does not answer."""
    try:
        return [
            {"queue": one.queue, "messages": one.messages, "oldest_seconds": one.oldest_seconds}
            for one in broker.queue_states()
        ]
    except Exception as error:  # noqa: BLE001  (whatever the broker raises, the rest is shown)
        log.warning("operations.broker_unavailable", because=type(error).__name__)
        return []
