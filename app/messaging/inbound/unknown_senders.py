"""New leads from mail and text messages of unknown senders."""

from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.leads.attribution.models import LeadSource, SourceCategory
from app.leads.attribution.sources import SourceNameTaken, create_source
from app.leads.capture.capture import capture_lead
from app.leads.contact.names import contains_address
from app.leads.enums import CaptureChannel

EMAIL_SOURCE: Final = "E-mail"
TEXT_SOURCE: Final = "Text message"
_LONGEST_NAME: Final = 100
_NO_NAME: Final = "Unknown"


def create_lead(session: Session, actor: Actor, sender: str, sender_name: str) -> UUID:
    """Create a lead from the sender of a mail. Raises Conflict (the clinic has no stage for new leads)."""
    contact = {"email": sender, "capture_channel": CaptureChannel.EMAIL}
    return _create(session, actor, {**_names(sender_name, sender.partition("@")[0]), **contact}, EMAIL_SOURCE)


def create_lead_with_phone(session: Session, actor: Actor, number: str, sender_name: str) -> UUID:
    """Create a lead from the sender of a text message. Raises Conflict (as above), Invalid (not a phone number)."""
    contact = {"phone": number, "capture_channel": CaptureChannel.SMS}
    return _create(session, actor, {**_names(sender_name), **contact}, TEXT_SOURCE)


def _create(session: Session, actor: Actor, values: JsonDict, source_name: str) -> UUID:
    data = {**values, "source_id": _source_id(session, actor, source_name)}
    lead_id: UUID = capture_lead(session, actor, data, in_full=False).id
    return lead_id


def _names(*choices: str) -> JsonDict:
    """Split the first name that is there. One with an address is none: our mails would carry the link in it."""
    given = next((name for name in choices if name and not contains_address(name)), _NO_NAME)
    if "," in given:  # `Keller, Mia`
        last, _, first = given.partition(",")
    else:
        first, _, last = given.rpartition(" ")
    first, last = first.strip() or last.strip(), last.strip() if first.strip() else ""
    return {"first_name": first[:_LONGEST_NAME], "last_name": last[:_LONGEST_NAME]}


def _source_id(session: Session, actor: Actor, name: str) -> UUID:
    """Return the source that the clinic chose; else its source of this name, which is created if it is missing."""
    chosen = actor.clinic.inbound_email.source_id
    if chosen is not None:
        return UUID(chosen)
    known = _known_source(session, actor.clinic.id, name)
    if known is None:
        try:
            known = create_source(session, actor.clinic.id, {"name": name, "category": SourceCategory.OTHER}).id
        except SourceNameTaken:  # created meanwhile
            return _source_id(session, actor, name)
    return known


def _known_source(session: Session, clinic_id: UUID, name: str) -> UUID | None:
    of_clinic = select(LeadSource.id).where(LeadSource.clinic_id == clinic_id)
    return session.scalar(of_clinic.where(func.lower(LeadSource.name) == name.lower()).limit(1))
