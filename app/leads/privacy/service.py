"""What a person may ask of the clinic: to see what is known, to be forgotten, to be left alone, to be written to."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.clock import now
from app.core.db import new_id
from app.engine.models import Reason
from app.engine.steps.cancel import cancel_pending
from app.http.schemas.paging import Key, Page, page
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.errors import LeadIsRestricted
from app.leads.lookup import get_lead, read_lead
from app.leads.models import OPEN_STATUSES, Lead, LeadStatus
from app.leads.pipeline.closing import silence
from app.leads.pipeline.progress import touch
from app.leads.privacy.models import Consent
from app.leads.privacy.person import export_person, forget_person
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType
from app.messaging.contact_policy import suppression_list
from app.messaging.contact_policy.suppression_list import OPTED_OUT
from app.messaging.models import WAY_OF, Way
from app.tasks.lifecycle.close_all import cancel_open_tasks

LATEST_FIRST: Final[list[Key]] = [(Consent.id, "desc")]


def export_lead(session: Session, actor: Actor, lead_id: UUID) -> Mapping[str, Any]:
    """Everything about the person, by table. Raises NotFound."""
    read_lead(session, actor, lead_id)
    return export_person(session, actor.clinic.id, lead_id)


def erase_lead(session: Session, actor: Actor, lead_id: UUID, *, reason: str) -> Lead:
    """Forget the person: what is pending ends, what told of them is blanked, and their addresses are never written to.

    Counts and the record keep the lead's id. It cannot be undone. Raises NotFound.
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    at = now()
    for one in _with_duplicates(session, lead):
        suppression_list.suppress_addresses(
            session, lead.clinic_id, suppression_list.addresses_of(one), reason="erased"
        )
    cancel_pending(session, lead.id, Reason.ERASED)
    cancel_open_tasks(session, lead.id, reason=Reason.ERASED, at=at)
    session.flush()
    forgotten = forget_person(session, lead.clinic_id, lead.id)
    session.refresh(lead)
    touch(lead, actor, at)
    lead.deleted_at = lead.erased_at = at
    if lead.status in OPEN_STATUSES:
        lead.status = LeadStatus.ARCHIVED
    audit_log.wrote(session, "lead", forgotten, act=Act.ERASE, after={"reason": reason})
    return lead


def _with_duplicates(session: Session, lead: Lead) -> list[Lead]:
    """The lead and those that became part of it: what they were reached by is the person's, too."""
    return [lead, *session.scalars(select(Lead).where(Lead.merged_into_id == lead.id))]


def restrict_lead(session: Session, actor: Actor, lead_id: UUID, data: Mapping[str, Any]) -> Lead:
    """Do nothing with the lead, or work with it again (GDPR, article 18). Saying it twice changes nothing.

    While it is restricted nothing is sent, planned steps are cancelled, and edits are refused. Raises NotFound.
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    if data["is_restricted"] is (lead.restricted_at is not None):
        return lead
    at = now()
    lead.restricted_at = at if data["is_restricted"] else None
    touch(lead, actor, at)
    if lead.restricted_at:
        cancel_pending(session, lead.id, Reason.RESTRICTED)
    notes = f"{'Restricted' if lead.restricted_at else 'No longer restricted'}: {data['reason']}"
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, notes=notes)
    return lead


def record_consent(session: Session, actor: Actor, lead_id: UUID, data: Mapping[str, Any]) -> Consent:
    """Write down what the person said about being reached by this way, and act on it at once.

    One who no longer agrees has opted out, and their addresses are on the list; one who agrees again is taken off it.
    Raises NotFound, LeadIsRestricted (where they agree).
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    if lead.restricted_at is not None and data["is_given"]:
        raise LeadIsRestricted
    at = now()
    consent = Consent(
        id=new_id(),
        clinic_id=lead.clinic_id,
        lead_id=lead.id,
        created_at=at,
        created_by=actor.user_id,
        **{"given_at": at, **data},
    )
    session.add(consent)
    if consent.is_given:
        _let_be_written_to(session, actor, lead, Way(data["way"]))
    elif lead.opted_out_at is None:
        silence(session, actor, lead, at=at)
    return consent


def list_consents(session: Session, actor: Actor, lead_id: UUID, query: Mapping[str, Any]) -> Page:
    """What the person said, the latest first. Raises NotFound."""
    read_lead(session, actor, lead_id)
    return page(session, select(Consent).where(Consent.lead_id == lead_id), LATEST_FIRST, query)


def _let_be_written_to(session: Session, actor: Actor, lead: Lead, way: Way) -> None:
    of_way = [address for address in suppression_list.addresses_of(lead) if address[0] is way]
    only = None if actor.allows(Permission.PRIVACY_MANAGE) else OPTED_OUT  # what was put there otherwise stays
    suppression_list.lift(session, lead.clinic_id, of_way, only=only)
    closed = [channel for channel in lead.opted_out_channels if WAY_OF.get(channel) is not way]
    if lead.opted_out_at is not None or closed != lead.opted_out_channels:
        lead.opted_out_at, lead.opted_out_channels = None, closed
        touch(lead, actor, now())
