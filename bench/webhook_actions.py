"""Actions of the webhook benchmark inside Relance: an endpoint, and events for it."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app import clock
from app.core.db import insert_many, new_id, transaction
from app.engine.events.events import EventName
from app.engine.service import record
from app.engine.steps import publish
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.leads.events import lead_event
from app.leads.models import Lead
from app.messaging.webhooks.endpoints import create_endpoint
from app.security.encrypted_fields import encrypt_row
from bench.application import lead_rows

PER_TRANSACTION = 10
SETTINGS = {"description": None, "events": ["*"], "is_active": True, "ordered": False, "include_lead": False}


def add_webhook(params: dict[str, Any]) -> str:
    """Create an endpoint and return its secret."""
    with transaction() as session:
        actor = Actor.system(load_context(session, UUID(params["clinic"]["clinic_id"])))
        secret: str = create_endpoint(session, actor, {**SETTINGS, "url": params["url"]}).secret
    return secret


def record_events(params: dict[str, Any]) -> float:
    """Record ten events in each transaction, at most `per_second` of them. Returns the seconds that it took."""
    leads = [new_id() for _ in range(100)]
    rows = lead_rows(leads, params["clinic"], clock.now())
    with transaction() as session:
        insert_many(session, Lead, [encrypt_row(Lead, row) for row in rows])
    began = time.perf_counter()
    for start in range(0, params["count"], PER_TRANSACTION):
        time.sleep(max(0.0, began + start / params["per_second"] - time.perf_counter()))
        _record(params["clinic"], leads, range(start, min(start + PER_TRANSACTION, params["count"])))
    publish.flush(30)
    return time.perf_counter() - began


def _record(clinic: dict[str, Any], leads: Sequence[UUID], numbers: range) -> None:
    with transaction() as session:
        context, at = load_context(session, UUID(clinic["clinic_id"])), clock.now()
        of = [(number, session.get_one(Lead, leads[number % len(leads)])) for number in numbers]
        record(session, context, *(lead_event(EventName.QUOTE_SENT, lead, at, key=str(key)) for key, lead in of))
