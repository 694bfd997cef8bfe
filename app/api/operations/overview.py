"""State of the engine as JSON: queues, workers and sweeps of the installation, and the steps of a clinic."""

from collections.abc import Mapping

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.operations.health import HELD, READY
from app.config import get_settings
from app.core.type_aliases import JsonDict
from app.engine import broker
from app.engine.broker_health import broker_takes_writes
from app.engine.failed_steps import step_counts_of
from app.engine.models import SweepRun
from app.engine.steps.holds import current_hold
from app.identity.actor import Actor

log = structlog.get_logger()


def operations_overview(session: Session, actor: Actor) -> JsonDict:
    """Return the state of the engine, with the steps of the actor's clinic. Workers are those of the last census."""
    runs = {run.name: run for run in session.scalars(select(SweepRun).order_by(SweepRun.name))}
    workers = _result_of(runs, "workers")
    return {
        "status": HELD if current_hold(session) else READY,
        "is_broker_up": broker_takes_writes(),
        "flower_port": get_settings().flower_port,
        "queues": [{**queue, "workers": workers.get(queue["queue"])} for queue in _queues()],
        "steps": step_counts_of(session, actor.clinic.id),
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
