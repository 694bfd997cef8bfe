"""Consents: record a lead's consent or its withdrawal, and apply it."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonObject
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.errors import LeadIsRestricted
from app.leads.models import Lead
from app.leads.pipeline.lead_state import mark_updated
from app.leads.search.lookup import get_lead, read_lead
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy import suppression_list
from app.messaging.contact_policy.consent_models import Consent
from app.messaging.contact_policy.opt_outs import apply_opt_out, opt_out
from app.messaging.contact_policy.suppression_list import OPTED_OUT
from app.messaging.models import AddressKind

LATEST_FIRST: Final[list[Key]] = [(Consent.id, "desc")]


def record_consent(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> Consent:
    """Record a lead's consent to be contacted at a kind of address, or its withdrawal, and apply it.

    A withdrawal opts the lead out and puts its addresses on the suppression list. A consent removes the addresses of
    that kind from the list. Without the permission privacy:manage it removes only entries added by an opt-out.

    `data` has way, is_given, wording, source and optionally given_at (aware). Raises NotFound, LeadIsRestricted (a
    consent for a restricted lead).
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
        _allow_messages(session, actor, lead, AddressKind(data["way"]))
    elif lead.opted_out_at is None:
        apply_opt_out(session, actor, lead, at=at)
    return consent


def withdraw_consent(
    session: Session, actor: Actor, lead: Lead, kind: AddressKind, *, wording: str, source: str
) -> None:
    """Record that a locked lead stopped messages to one kind of address, and opt it out of the channels that use it."""
    add_withdrawal(session, lead, kind, wording=wording, source=source)
    for channel in CHANNELS.names_using(kind):
        opt_out(session, actor, lead.id, channel=channel)


def add_withdrawal(session: Session, lead: Lead, kind: AddressKind, *, wording: str, source: str) -> None:
    """Record that a lead stopped messages to one kind of address. The caller opts it out."""
    at = now()
    session.add(
        Consent(
            id=new_id(),
            clinic_id=lead.clinic_id,
            lead_id=lead.id,
            way=kind,
            is_given=False,
            wording=wording,
            source=source,
            given_at=at,
            created_at=at,
        )
    )


def list_consents(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """Return the lead's consents, newest first. Raises NotFound."""
    read_lead(session, actor, lead_id)
    return page(session, select(Consent).where(Consent.lead_id == lead_id), LATEST_FIRST, query)


def _allow_messages(session: Session, actor: Actor, lead: Lead, kind: AddressKind) -> None:
    addresses = [address for address in suppression_list.addresses_of(lead) if address[0] is kind]
    only = None if actor.allows(Permission.PRIVACY_MANAGE) else OPTED_OUT  # entries with another reason stay
    suppression_list.unsuppress_addresses(session, lead.clinic_id, addresses, only=only)
    opted_out_channels = [channel for channel in lead.opted_out_channels if CHANNELS.suppressed_by(channel) is not kind]
    if lead.opted_out_at is not None or opted_out_channels != lead.opted_out_channels:
        lead.opted_out_at, lead.opted_out_channels = None, opted_out_channels
        mark_updated(lead, actor, now())
