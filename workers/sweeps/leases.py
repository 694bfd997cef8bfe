"""Steps with an expired lease: their worker ended during an external call."""

from typing import cast
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.core.live_events.changes import note
from app.core.live_events.entries import About, LiveKind
from app.engine.models import Step
from app.engine.plan.follow_up_steps import FinishedStep, next_repetition
from app.engine.service import add_steps, planned_row
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.waiting import settled, wake
from app.identity.clinics import load_contexts
from app.messaging.delivery.delivery_state import MAX_ATTEMPTS

BATCH = 500
WORDS = "the worker was cut off while this was being sent: it may or may not have arrived"

# An SMTP server takes no idempotency key, so a message that may have been sent is not sent again automatically. An
# idempotent gateway is called again while there are tries left; webhook endpoints recognize every repeated call.
_RECOVER = text(
    "WITH lost AS (SELECT id, clinic_id, kind, params, attempts FROM steps"
    " WHERE state = 'running' AND lease_until < :now"
    " ORDER BY lease_until LIMIT :batch FOR UPDATE SKIP LOCKED),"
    " judged AS (SELECT l.id, l.kind = ANY(:repeatable) OR l.attempts + 1 < :tries AND EXISTS ("
    "SELECT FROM gateways g WHERE g.idempotent"
    " AND (g.id = n.gateway_id OR g.clinic_id = l.clinic_id AND g.name = l.params ->> 'gateway')) AS again"
    " FROM lost l LEFT JOIN notifications n ON n.id = CAST(l.params ->> 'notification_id' AS uuid))"
    " UPDATE steps AS s SET error = :words, attempts = s.attempts + CASE WHEN j.again THEN 1 ELSE 0 END,"
    " state = CASE WHEN j.again THEN 'planned' ELSE 'unknown' END,"
    " due_at = CASE WHEN j.again THEN :now ELSE s.due_at END,"
    " finished_at = CASE WHEN j.again THEN NULL ELSE CAST(:now AS timestamptz) END"
    " FROM judged j WHERE s.id = j.id"
    " RETURNING CAST(s.params ->> 'notification_id' AS uuid) AS notification_id,"
    " s.id, s.clinic_id, s.lead_id, j.again, s.cause ? 'every' AS repeats"
)
_NOTIFICATIONS = text(
    "UPDATE notifications AS n SET state = CASE WHEN r.again THEN 'pending' ELSE 'unknown' END, error = :words"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:again AS boolean[])) AS r(id, again)"
    " WHERE n.id = r.id AND n.state = 'sending'"
)
_DELIVERIES = text(
    "UPDATE deliveries SET outcome = 'unknown', response = :words, finished_at = :now"
    " WHERE notification_id = ANY(:ids) AND outcome IS NULL"
)


def recover_expired(session: Session) -> int:
    """Plan idempotent calls again and set all others to `unknown`. An admin resolves those. Returns their number."""
    given = {"now": clock.now(), "words": WORDS}
    repeatable = [name for name, kind in STEP_KINDS.items() if kind.outside and kind.outside.is_repeatable]
    limits = {"batch": BATCH, "tries": MAX_ATTEMPTS, "repeatable": repeatable}
    found = session.execute(_RECOVER, {**given, **limits}).all()
    if found:
        ids = [row.notification_id for row in found]
        session.execute(_NOTIFICATIONS, {**given, "ids": ids, "again": [row.again for row in found]})
        session.execute(_DELIVERIES, {**given, "ids": ids})
        wake(session, [settled(row.notification_id) for row in found if not row.again])
    _plan_repetitions(session, [row.id for row in found if row.repeats and not row.again])
    for row in found:
        if row.lead_id:
            note(session, row.clinic_id, LiveKind.MESSAGE_CHANGED, [(row.notification_id, About(row.lead_id))])
    return len(found)


def _plan_repetitions(session: Session, ids: list[UUID]) -> None:
    """Plan the next repetitions of these steps, whose results are unknown."""
    steps = session.scalars(select(Step).where(Step.id.in_(ids))).all() if ids else []
    clinics = load_contexts(session, {step.clinic_id for step in steps})
    following = [
        planned_row(
            step.clinic_id,
            step.lead_id,
            next_repetition(cast("FinishedStep", step), clock.now(), clinics[step.clinic_id].calendar),
        )
        for step in steps
    ]
    if following:
        add_steps(session, following)
