"""Actions of the fairness benchmark inside Relance: a second clinic, and bursts of steps and e-mails."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.db import insert_many, transaction
from app.engine.service import add_steps
from app.leads.models import Lead
from app.messaging.compose import MessageMetadata, Recipient, compose, delivery_steps, insert_notifications
from app.messaging.rendering.render import Wording
from app.security.encrypted_fields import encrypt_row
from bench.actions import create_task_step
from bench.application import lead_rows

CHUNK = 1_000


def add_burst(params: dict[str, Any]) -> None:
    """Plan steps and e-mails of a clinic with one due time, in transactions of 1,000 like bulk jobs."""
    due_at, clinic = datetime.fromisoformat(params["due_at"]), params["clinic"]
    for ids in _chunks([UUID(one) for one in params["leads"]]):
        with transaction() as session:
            insert_many(session, Lead, [encrypt_row(Lead, row) for row in lead_rows(ids, clinic, due_at)])
            add_steps(session, [create_task_step(clinic, lead_id, due_at) for lead_id in ids])
    to = Recipient(UUID(clinic["user_id"]), f"ada@{clinic['clinic_id']}.example")
    metadata = MessageMetadata(UUID(clinic["clinic_id"]), template="bench")
    for numbers in _chunks(list(range(params["emails"]))):
        with transaction() as session:
            rows = [
                row
                for _ in numbers
                for row in compose(Wording("Hello", "Hello"), to, metadata=metadata, channels=["email"], at=due_at)
            ]
            insert_notifications(session, rows)
            add_steps(session, delivery_steps(rows, due_at=due_at))


def _chunks(items: list[Any]) -> list[list[Any]]:
    return [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
