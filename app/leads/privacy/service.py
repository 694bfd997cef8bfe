"""Data subject requests: export, erasure and restriction (GDPR)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.clock import now
from app.core.ports import Listeners
from app.core.type_aliases import JsonObject
from app.engine.models import Reason
from app.engine.steps.cancel import cancel_lead_steps
from app.identity.actor import Actor
from app.leads.duplicates.search import EXACT, duplicates_of
from app.leads.enums import OPEN_STATUSES, LeadStatus
from app.leads.models import Lead
from app.leads.pipeline.closing import lead_ended
from app.leads.pipeline.lead_state import mark_updated
from app.leads.privacy.legal_holds import require_not_held
from app.leads.privacy.person import erase_person, export_person
from app.leads.search.lookup import get_lead, read_lead
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType

# Called with the lead and its merged duplicates, before they are erased.
person_erased: Listeners[[Session, Sequence[Lead]]] = Listeners("person_erased")


def export_lead(session: Session, actor: Actor, lead_id: UUID) -> JsonObject:
    """Return all data about the person, by table. Raises NotFound."""
    read_lead(session, actor, lead_id)
    return export_person(session, actor.clinic.id, lead_id)


@dataclass(frozen=True, slots=True)
class Erased:
    """An erased lead, and the leads that stay although they have the same phone number or address."""

    id: UUID
    erased_at: datetime
    remaining_duplicates: Sequence[UUID]  # those that the caller may see
    hidden_duplicates: int


def erase_lead(session: Session, actor: Actor, lead_id: UUID, *, reason: str) -> Erased:
    """Erase a person: cancel pending steps, blank personal data, and suppress their addresses.

    Merged duplicates are erased too; other leads stay, because families share numbers and addresses. Statistics and
    the audit log keep the lead's id. It cannot be undone. Raises NotFound, LeadWasMerged, LeadIsHeld.
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    require_not_held(session, lead)
    others = duplicates_of(session, actor, lead_id)
    remaining = [one["lead_id"] for one in others.duplicates if set(EXACT) & {*one["match_on"]}]
    at = now()
    person_erased(session, _with_duplicates(session, lead))
    cancel_lead_steps(session, lead.id, Reason.ERASED)
    lead_ended(session, lead.id, Reason.ERASED, at)
    session.flush()
    erased = erase_person(session, lead.clinic_id, lead.id)
    session.refresh(lead)
    mark_updated(lead, actor, at)
    lead.deleted_at = lead.erased_at = at
    if lead.status in OPEN_STATUSES:
        lead.status = LeadStatus.ARCHIVED
    audit_log.note_change(session, "lead", erased, act=Act.ERASE, after={"reason": reason})
    return Erased(lead.id, at, remaining, others.hidden_duplicates)


def _with_duplicates(session: Session, lead: Lead) -> list[Lead]:
    """Return the lead and its merged duplicates. Their addresses belong to the same person."""
    return [lead, *session.scalars(select(Lead).where(Lead.merged_into_id == lead.id))]


def restrict_lead(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> Lead:
    """Restrict the use of a lead, or lift the restriction (GDPR, article 18). Idempotent.

    While a lead is restricted, nothing is sent and edits are refused. Planned steps are cancelled. Raises NotFound.
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    if data["is_restricted"] is (lead.restricted_at is not None):
        return lead
    at = now()
    lead.restricted_at = at if data["is_restricted"] else None
    mark_updated(lead, actor, at)
    if lead.restricted_at:
        cancel_lead_steps(session, lead.id, Reason.RESTRICTED)
    notes = f"{'Restricted' if lead.restricted_at else 'No longer restricted'}: {data['reason']}"
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, notes=notes)
    return lead
