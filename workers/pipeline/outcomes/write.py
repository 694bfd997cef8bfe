"""Write the effects and the outcomes of a batch, also after the answers to external calls."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app import clock
from app.automation.handlers.support.context import StepContext
from app.config import get_settings
from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.db import transaction
from app.engine.outcomes import ExternalCall, Outcome
from workers.pipeline import metrics
from workers.pipeline.claim import lock_running
from workers.pipeline.effects_writer import write
from workers.pipeline.outcome_recorder import record, record_running
from workers.pipeline.outcomes import count_outcomes

_LOCK_LEADS: Final = driver_sql(
    "SELECT id FROM leads WHERE id = ANY (ARRAY(SELECT lead_id FROM steps WHERE id = ANY(:ids)))"
    " ORDER BY id FOR NO KEY UPDATE"
)


def write_outcomes(session: Session, decided: Sequence[tuple[StepContext, Outcome | ExternalCall]]) -> datetime:
    """Write the effects and the outcomes. Returns the end of the lease of external calls."""
    lease = clock.now() + timedelta(seconds=get_settings().lease_seconds)
    write(session, decided)
    record_running(session, [context.step.id for context, end in decided if isinstance(end, ExternalCall)], lease=lease)
    ended = [(context, end) for context, end in decided if not isinstance(end, ExternalCall)]
    record(session, ended)
    metrics.count(session, ended)
    count_outcomes.count(session, ended)
    return lease


def record_answers(ends: Sequence[tuple[StepContext, Outcome]], lease: datetime) -> None:
    """Record the answers to external calls, if no other run has taken their steps."""
    with transaction() as session:
        _lock_leads(session, [context.step.id for context, end in ends if end.effects.changes])
        ours = [(context, end) for context, end in ends if lock_running(session, context.step.id, lease)]
        if ours:
            write_outcomes(session, ours)


def _lock_leads(session: Session, step_ids: Sequence[UUID]) -> None:
    """Lock the leads that the answers change, before their steps, as all transactions do."""
    if step_ids:
        execute_driver_sql(session, _LOCK_LEADS, {"ids": list(step_ids)})
