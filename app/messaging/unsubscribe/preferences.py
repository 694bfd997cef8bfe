"""Preferences of a lead about messages: unsubscribe, and the choices of the preference page.

The caller holds a signed link and is not signed in. A link stays valid: after a merge it belongs to the surviving lead,
and after a deletion it still puts the addresses on the suppression list.
"""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.errors import NotFound
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.clinics import load_context
from app.leads.errors import LeadIsRestricted
from app.leads.models import Lead
from app.leads.pipeline.lead_state import mark_updated
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.consents import add_withdrawal, record_consent, withdraw_consent
from app.messaging.contact_policy.opt_outs import apply_opt_out
from app.messaging.contact_policy.suppression_list import OPTED_OUT, addresses_of, suppress_addresses
from app.messaging.models import AddressKind
from app.messaging.unsubscribe.links import PURPOSE
from app.messaging.unsubscribe.page_texts import page_language
from app.security.signed_ids import InvalidSignedId, read_signed_id

ONE_CLICK: Final = "one-click unsubscribe"  # sources of consents
PAGE: Final = "preference page"
STOPPED: Final = "The lead stopped messages."
ALLOWED: Final = "The lead allowed messages again."
_MOST_MERGES: Final = 20  # a lead that was merged into a lead that was merged …


class LinkedLead(NamedTuple):
    """The lead of a link. `clinic_id` is known before the call is restricted to that clinic."""

    lead_id: UUID
    clinic_id: UUID


@dataclass(frozen=True, slots=True)
class Preferences:
    """The choices that the page shows.

    `kinds` maps each kind of address that the lead has to whether messages are allowed.
    """

    clinic_name: str
    language: str  # one that the page has texts in
    kinds: dict[AddressKind, bool]


def find_linked_lead(session: Session, token: str) -> LinkedLead:
    """Return the lead that the link belongs to. Raises NotFound, also for an invalid link."""
    try:
        lead_id = read_signed_id(PURPOSE, token)
    except InvalidSignedId:
        raise NotFound from None
    for _ in range(_MOST_MERGES):
        columns = select(Lead.id, Lead.clinic_id, Lead.merged_into_id).where(Lead.id == lead_id)
        found = session.execute(columns).one_or_none()
        if found is None:
            raise NotFound
        if found.merged_into_id is None:
            return LinkedLead(found.id, found.clinic_id)
        lead_id = found.merged_into_id
    raise NotFound


def read_preferences(session: Session, linked: LinkedLead) -> Preferences:
    """Return the lead's choices."""
    return _preferences(session, _lock(session, linked))


def unsubscribe(session: Session, linked: LinkedLead) -> Preferences:
    """Stop e-mails to the lead. A repeated call changes nothing."""
    lead = _lock(session, linked)
    _stop(session, lead, AddressKind.EMAIL, source=ONE_CLICK)
    return _preferences(session, lead)


def save_preferences(
    session: Session, linked: LinkedLead, *, allowed: frozenset[AddressKind], language: str | None
) -> Preferences:
    """Store the choices of the page: the kinds of address that may be written to, and the language (None: unchanged).

    A kind that the lead has no address of stays as it is. A restricted lead gets no messages, whatever it chooses.
    """
    lead = _lock(session, linked)
    for kind, is_allowed in _kinds(lead).items():
        if is_allowed and kind not in allowed:
            _stop(session, lead, kind, source=PAGE)
        elif not is_allowed and kind in allowed:
            _resume(session, lead, kind)
    if language is not None and language != page_language(lead.language, _context(session, lead).language):
        lead.language = language
        mark_updated(lead, _lead_as_actor(session, lead), now())
    return _preferences(session, lead)


def stop_all(session: Session, linked: LinkedLead) -> Preferences:
    """Opt the lead out of all messages. A repeated call changes nothing."""
    lead = _lock(session, linked)
    if lead.deleted_at is not None:
        suppress_addresses(session, lead.clinic_id, addresses_of(lead), reason=OPTED_OUT)
    elif lead.opted_out_at is None:
        for kind in _kinds(lead):
            add_withdrawal(session, lead, kind, wording=STOPPED, source=PAGE)
        apply_opt_out(session, _lead_as_actor(session, lead), lead, at=now())
    return _preferences(session, lead)


def _lock(session: Session, linked: LinkedLead) -> Lead:
    wanted = select(Lead).where(Lead.id == linked.lead_id).with_for_update(key_share=True)
    return session.scalars(wanted.execution_options(populate_existing=True)).one()


def _stop(session: Session, lead: Lead, kind: AddressKind, *, source: str) -> None:
    """Stop messages to one kind of address."""
    if lead.deleted_at is not None:
        addresses = [address for address in addresses_of(lead) if address[0] is kind]
        suppress_addresses(session, lead.clinic_id, addresses, reason=OPTED_OUT)
    elif _kinds(lead).get(kind):
        withdraw_consent(session, _lead_as_actor(session, lead), lead, kind, wording=STOPPED, source=source)


def _resume(session: Session, lead: Lead, kind: AddressKind) -> None:
    consent = {"way": kind, "is_given": True, "wording": ALLOWED, "source": PAGE}
    try:
        record_consent(session, _lead_as_actor(session, lead), lead.id, consent)
    except (LeadIsRestricted, NotFound):  # restricted or deleted: there are no messages
        return


def _preferences(session: Session, lead: Lead) -> Preferences:
    clinic = _context(session, lead)
    return Preferences(clinic.sender, page_language(lead.language, clinic.language), _kinds(lead))


def _kinds(lead: Lead) -> dict[AddressKind, bool]:
    """Return whether messages are allowed, by kind of address; kinds without an address or a channel are left out."""
    kinds = {kind for kind, _ in addresses_of(lead)}
    return {kind: _is_allowed(lead, kind) for kind in AddressKind if kind in kinds and CHANNELS.names_using(kind)}


def _is_allowed(lead: Lead, kind: AddressKind) -> bool:
    stopped = lead.opted_out_at is not None or lead.deleted_at is not None
    return not stopped and not set(CHANNELS.names_using(kind)) & set(lead.opted_out_channels)


def _context(session: Session, lead: Lead) -> ClinicContext:
    return load_context(session, lead.clinic_id)


def _lead_as_actor(session: Session, lead: Lead) -> Actor:
    """Return the lead as the actor. Without permissions, its consent ends only its own opt-outs."""
    return replace(Actor.system(_context(session, lead)), name="the lead", permissions={})
