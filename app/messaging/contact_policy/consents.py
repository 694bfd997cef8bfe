"""Consents: what people said about being contacted, and what follows from it."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.pagination import Key, Page, page
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.errors import LeadIsRestricted
from app.leads.lookup import get_lead, read_lead
from app.leads.models import Lead
from app.leads.pipeline.progress import touch
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy import suppression_list
from app.messaging.contact_policy.consent_models import Consent
from app.messaging.contact_policy.opt_outs import silence
from app.messaging.contact_policy.suppression_list import OPTED_OUT
from app.messaging.models import Way

LATEST_FIRST: Final[list[Key]] = [(Consent.id, "desc")]


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
    closed = [channel for channel in lead.opted_out_channels if CHANNELS.suppressed_by(channel) is not way]
    if lead.opted_out_at is not None or closed != lead.opted_out_channels:
        lead.opted_out_at, lead.opted_out_channels = None, closed
        touch(lead, actor, now())
