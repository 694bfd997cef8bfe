"""Contact facts for the steps of a batch that write to their leads, loaded together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.handlers.support.context import ContactContext, NotificationView
from app.engine.models import Kind
from app.engine.outcomes import BaseOutcome
from app.engine.step_kind import STEP_KINDS
from app.identity.clinic_context import ClinicContext
from app.messaging.channels.base import LeadContact
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.contact_attempts import attempt_for_step
from app.messaging.contact_policy.gate_input import SentMessage
from app.messaging.contact_policy.load_facts import AttemptContext, address_for, load_contact_facts
from workers.pipeline.claim import ClaimedStep, lead_of


def load_contact_contexts(
    session: Session,
    rows: Sequence[ClaimedStep],
    clinics: Mapping[UUID, ClinicContext],
    notes: Mapping[str, NotificationView],
    *,
    now: datetime,
) -> Mapping[UUID, ContactContext]:
    """Return the contact facts by step id, for steps that write to their lead. `notes`: notifications by id."""
    to_leads = [(row, _note_of(row, notes)) for row in rows if _is_to_lead(row, notes)]
    contexts = [_attempt_context(row, clinics[row.clinic_id], note) for row, note in to_leads]
    known = load_contact_facts(
        session,
        contexts,
        now=now,
        exclude_steps=[row.id for row in rows],
        exclude_notifications=[note.id for _, note in to_leads if note],
        is_handed_over=any(note for _, note in to_leads),
    )
    return {
        row.id: ContactContext(context.attempt, facts)
        for (row, _), context, facts in zip(to_leads, contexts, known, strict=True)
    }


def messages_to_lead(end: BaseOutcome) -> list[SentMessage]:
    """Return the messages to the lead that a step wrote."""
    return [
        SentMessage(note["created_at"], note["series"]) for note in end.effects.notifications if note["user_id"] is None
    ]


def _is_to_lead(row: ClaimedStep, notes: Mapping[str, NotificationView]) -> bool:
    if row.kind == Kind.DELIVER:
        note = _note_of(row, notes)
        return note is not None and note.user_id is None
    return STEP_KINDS[row.kind].writes_to_lead


def _note_of(row: ClaimedStep, notes: Mapping[str, NotificationView]) -> NotificationView | None:
    return notes.get(row.params.get("notification_id", ""))


def _attempt_context(row: ClaimedStep, clinic: ClinicContext, note: NotificationView | None) -> AttemptContext:
    """Return the attempt. A written message keeps its address."""
    lead, channel = lead_of(row), note.channel if note else row.params["channel"]
    planned_at = note.created_at if note else row.created_at
    attempt = attempt_for_step(row, channel, _address_of(lead, note, channel), planned_at=planned_at)
    if note is None:
        return AttemptContext(lead, clinic, attempt)
    has_provider_template = note.provider_template is not None
    return AttemptContext(
        lead, clinic, replace(attempt, series=note.series, has_provider_template=has_provider_template)
    )


def _address_of(lead: LeadContact, note: NotificationView | None, channel: str) -> str | None:
    """Return the address of the written message, else the lead's address."""
    for_leads = CHANNELS.for_leads(channel)
    if note is None or for_leads is None:
        return address_for(lead, channel)
    return for_leads.checked_address(lead, note.address)
