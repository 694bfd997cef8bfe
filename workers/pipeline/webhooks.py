"""Webhook calls for the steps of a batch."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.engine.models import Kind
from app.messaging.webhooks.due import WebhookBatch, claim_batches
from workers.pipeline.claim import ClaimedStep


def load_webhooks(session: Session, rows: Sequence[ClaimedStep], *, now: datetime) -> dict[UUID, WebhookBatch]:
    """Lock the due calls of the steps' endpoints. Returns them by step id: the first step of an endpoint has all."""
    first: dict[UUID, UUID] = {}
    for row in rows:
        if row.kind == Kind.POST_WEBHOOKS:
            first.setdefault(UUID(row.params["endpoint_id"]), row.id)
    batches = claim_batches(session, list(first), now=now) if first else {}
    return {first[endpoint_id]: batch for endpoint_id, batch in batches.items()}
