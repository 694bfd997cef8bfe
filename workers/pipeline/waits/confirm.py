"""Confirm that steps must wait, so that no wake-up is lost: before the commit, under the lock of what they wait for.

Between the read of a step and its commit, the wait may end. Whoever ends it cannot wake the step, which does not wait
yet. So the row that ends the wait is locked and read again. If it has changed, or if another transaction holds it, the
step looks again in a second. A worker waits for no lock, so it deadlocks with nobody.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, cast
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.handlers.support.context import StepContext
from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.engine.outcomes import Outcome, Snooze
from app.engine.steps.waiting import MESSAGE, OUTAGE
from workers.pipeline.claim import ClaimedStep

LOOK_AGAIN: Final = timedelta(seconds=1)

# Gateways, sending accounts, rules and sequences: each change of theirs increments the clinic's version.
_CLINICS: Final = driver_sql("SELECT id, rules_version FROM clinics WHERE id = ANY(:ids) FOR SHARE SKIP LOCKED")
# By the beginning of the key: the rest of the keys of which the wait has not ended.
_STILL: Final[Mapping[str, str]] = {
    OUTAGE: driver_sql(
        "SELECT target AS rest FROM channel_outages WHERE target = ANY(:rests) AND checked_at IS NOT NULL"
        " FOR SHARE SKIP LOCKED"
    ),
    MESSAGE: driver_sql(
        "SELECT CAST(id AS text) AS rest FROM notifications WHERE id = ANY(CAST(:rests AS uuid[]))"
        " AND state IN ('pending', 'sending') FOR SHARE SKIP LOCKED"
    ),
}


def confirm_waits(
    session: Session, ends: Sequence[tuple[StepContext, Outcome]], *, now: datetime
) -> Sequence[tuple[StepContext, Outcome]]:
    """Return the outcomes, with another look in a second for each step of which the wait may have ended meanwhile."""
    waiting = [
        (cast("ClaimedStep", context.step), end.waits_for)
        for context, end in ends
        if isinstance(end, Snooze) and end.waits_for is not None
    ]
    if not waiting:
        return ends
    confirmed = _confirmed(session, waiting)
    return [(context, _look_again(context, end, confirmed, now)) for context, end in ends]


def _confirmed(session: Session, waiting: Sequence[tuple[ClaimedStep, str]]) -> set[UUID]:
    """Return the steps that still must wait. The rows that can end the wait stay locked until the commit."""
    clinics = {step.clinic_id for step, _ in waiting}
    versions = {row.id: row.rules_version for row in execute_driver_sql(session, _CLINICS, {"ids": list(clinics)})}
    ended = _ended(session, {key for _, key in waiting})
    return {step.id for step, key in waiting if versions.get(step.clinic_id) == step.rules_version and key not in ended}


def _ended(session: Session, keys: Collection[str]) -> set[str]:
    """Return the keys of which the wait may have ended."""
    ended = set()
    for beginning, statement in _STILL.items():
        rests = {key.removeprefix(beginning) for key in keys if key.startswith(beginning)}
        if rests:
            still = {row.rest for row in execute_driver_sql(session, statement, {"rests": sorted(rests)})}
            ended |= {beginning + rest for rest in rests - still}
    return ended


def _look_again(context: StepContext, end: Outcome, confirmed: Collection[UUID], now: datetime) -> Outcome:
    if not isinstance(end, Snooze) or end.waits_for is None or context.step.id in confirmed:
        return end
    return replace(end, until=min(end.until, now + LOOK_AGAIN), waits_for=None)
