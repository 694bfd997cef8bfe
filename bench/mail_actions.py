"""Leads with a written message each, whose deliver step is due, in a process with Relance's settings."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text, update

from app import clock
from app.core.db import insert_many, new_id, transaction
from app.engine.service import add_steps
from app.engine.steps.publish import WakeUp, send
from app.identity.clinics import bump_rules_version
from app.identity.models import Clinic
from app.leads.models import Lead
from app.messaging.compose import delivery_steps, insert_notifications
from app.security.encrypted_fields import encrypt_row
from bench.application import lead_rows

NOON = 12


def enqueue_mails(params: dict[str, Any]) -> int:
    """Add `number` leads, each with a message that is due, and publish the steps. Returns the number of wake-ups.

    It is noon at the clinic: no message waits for the end of quiet hours.
    """
    clinic_id, now = UUID(params["clinic"]["clinic_id"]), clock.now()
    ids = [new_id() for _ in range(params["number"])]
    notes = [_message(clinic_id, lead_id, params["body"], now) for lead_id in ids]
    due_at = now - timedelta(minutes=1)
    steps = delivery_steps(notes, due_at=due_at)
    with transaction() as session:
        session.execute(update(Clinic).where(Clinic.id == clinic_id).values(timezone=f"Etc/GMT{now.hour - NOON:+d}"))
        bump_rules_version(session, clinic_id)
        insert_many(session, Lead, [encrypt_row(Lead, row) for row in lead_rows(ids, params["clinic"], now)])
        insert_notifications(session, notes)
        add_steps(session, steps)
        session.execute(text("UPDATE steps SET state = 'published', published_at = now() WHERE state = 'planned'"))
        session.info.clear()  # all are published below at once, so that each run sends the same messages
    return send([WakeUp(row["id"], row["kind"], row["name"], row["due_at"], row["clinic_id"]) for row in steps])


def _message(clinic_id: UUID, lead_id: UUID, body: str, at: datetime) -> dict[str, Any]:
    note_id = new_id()
    return {
        "id": note_id,
        "clinic_id": clinic_id,
        "lead_id": lead_id,
        "task_id": None,
        "step_id": None,
        "user_id": None,
        "channel": "email",
        "template": "hello",
        "series": "bench",
        "address": f"ada.{lead_id}@example.com",
        "subject": "Your consultation",
        "body": body,
        "message_id": f"<{note_id}@bench.example>",
        "state": "pending",
        "attempts": 0,
        "created_at": at,
    }
