"""Leads with a message each, and a mailbox for their answers, in a process with Relance's settings."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from app import clock
from app.core.db import insert_many, new_id, transaction
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version, load_context
from app.identity.inbound_email import InboundEmailSettings
from app.identity.models import Clinic
from app.leads.attribution.models import LeadSource
from app.leads.capture.capture import capture_lead
from app.messaging.inbound.addresses import return_addresses
from app.messaging.mailboxes.service import create_mailbox
from app.messaging.models import Notification
from app.security.encrypted_fields import encrypt_row


def prepare_answers(params: dict[str, Any]) -> list[dict[str, str]]:
    """Create the mailbox and `number` leads with a sent message. Return their ids and addresses."""
    clinic_id = UUID(params["clinic_id"])
    with transaction() as session:
        settings = InboundEmailSettings(address=params["address"]).to_json()
        session.execute(update(Clinic).where(Clinic.id == clinic_id).values(inbound_email=settings))
        bump_rules_version(session, clinic_id)
        create_mailbox(session, clinic_id, params["mailbox"])
    with transaction() as session:
        actor = Actor.system(load_context(session, clinic_id))
        source_id = session.scalars(select(LeadSource.id).where(LeadSource.clinic_id == clinic_id).limit(1)).one()
        made = []
        for number in range(params["number"]):
            sender = f"lead-{number}@people.example"
            new = {"first_name": "Ana", "last_name": f"Number {number}", "email": sender, "source_id": source_id}
            lead = capture_lead(session, actor, new)
            note = _sent_message(clinic_id, lead.id, sender)
            insert_many(session, Notification, [encrypt_row(Notification, note)])
            to = return_addresses(params["address"], note["id"], for_bounces=False).reply_to
            made.append({"lead_id": str(lead.id), "sender": sender, "to": str(to)})
    return made


def _sent_message(clinic_id: UUID, lead_id: UUID, address: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "lead_id": lead_id,
        "user_id": None,
        "channel": "email",
        "template": "hello",
        "address": address,
        "subject": "Hello",
        "body": "When can you come?",
        "state": "sent",
        "attempts": 1,
        "created_at": clock.now(),
    }
