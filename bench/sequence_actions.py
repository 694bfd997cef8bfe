"""Benchmark actions with sequences inside Relance, run in a separate process with Relance's settings."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app import clock
from app.automation.sequences.enrollments.enroll import enroll
from app.automation.sequences.service import create_sequence
from app.core.db import insert_many, transaction
from app.engine.steps.publish import WakeUp, send
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.leads.models import Lead
from app.security.encrypted_fields import encrypt_row
from bench.actions import CHUNK
from bench.application import lead_rows

NAME = "bench"
CALL = {"title": "Initial Contact", "type": "CALL", "priority": "URGENT"}
SEQUENCE = {
    "name": NAME,
    "steps": [{"name": "first", "create_task": CALL}, {"name": "second", "after": "2 days", "create_task": CALL}],
}
_PUBLISH = text(
    "UPDATE steps SET state = 'published', published_at = now(), due_at = :due"
    " WHERE state IN ('planned', 'published') AND name = 'bench/first' RETURNING id, kind, name"
)


def enqueue_enrollments(params: dict[str, Any]) -> int:
    """Enroll a lead for each job. The first steps, which create tasks, are published in batches.

    Returns how many messages were sent.
    """
    clinic_id = UUID(params["clinic"]["clinic_id"])
    jobs = [(UUID(lead_id), datetime.fromisoformat(due_at)) for lead_id, due_at in params["jobs"]]
    with transaction() as session:
        actor = Actor.system(load_context(session, clinic_id))
        if not session.execute(text("SELECT 1 FROM sequences")).first():
            create_sequence(session, actor, {**SEQUENCE, "is_active": True, "is_draft": False})
    for start in range(0, len(jobs), CHUNK):
        _enroll(params["clinic"], [lead_id for lead_id, _ in jobs[start : start + CHUNK]])
    due = jobs[0][1]
    with transaction() as session:
        steps = session.execute(_PUBLISH, {"due": due}).all()
        session.info.clear()
    return send([WakeUp(step.id, step.kind, step.name, due, clinic_id) for step in steps])


def _enroll(clinic: dict[str, Any], lead_ids: list[UUID]) -> None:
    at = clock.now()
    with transaction() as session:
        insert_many(session, Lead, [encrypt_row(Lead, row) for row in lead_rows(lead_ids, clinic, at)])
        context = load_context(session, UUID(clinic["clinic_id"]))
        enroll(session, context, NAME, {lead_id: {} for lead_id in lead_ids}, at=at)
        session.info.clear()  # all are published at once, so that each run sends the same messages
